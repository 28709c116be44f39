/* SPDX-License-Identifier: MIT */
/*
 * How the page looks, and what it can do beyond reading: tables that are sorted, a matrix that is zoomed and tells its
 * numbers. Blue and orange are told apart by everybody (Okabe and Ito's palette), green and red never stand alone. Text
 * has a contrast of at least 4.5 to 1 in either scheme. The script makes its own controls, so that without it none is
 * dead, puts names into the page as text only, and has neither '<' nor '&', so that the page is XML.
 */
#include "report/sections.h"

/* clang-format off */

const char rn_report_colours[] =
    ":root{color-scheme:light dark;--bg:#fff;--fg:#1c2128;--mut:#57606b;--line:#d8dde3;--soft:#f4f6f8;--p:0,98,168;"
    "--s:196,78,0;--ok:#116638;--no:#b3261e}"
    "@media screen and (prefers-color-scheme:dark){:root{--bg:#14171b;--fg:#e6e9ed;--mut:#9ea8b3;--line:#353c45;"
    "--soft:#1d2228;--p:108,182,255;--s:255,157,87;--ok:#58d08a;--no:#ff8b80}}\n";

const char rn_report_chart_style[] =
    ".t{font:12px system-ui,sans-serif;fill:var(--mut)}.h{font:600 14px system-ui,sans-serif;fill:var(--fg)}"
    ".e{text-anchor:end}.m{text-anchor:middle}.g{stroke:var(--line)}.p{stroke:var(--mut);stroke-dasharray:2 3}"
    ".l0,.l1{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}"
    ".l0{stroke:rgb(var(--s));stroke-dasharray:5 4}.l1{stroke:rgb(var(--p))}"
    ".d0{fill:rgb(var(--s))}.d1{fill:rgb(var(--p))}.b{fill:none;stroke:rgb(var(--p));stroke-width:1.5}"
    ".c rect{fill:transparent}.c circle{opacity:0}.c:hover circle{opacity:1}.paper{fill:var(--bg)}\n";

const char rn_report_style[] =
    "*{box-sizing:border-box}"
    "body{margin:0;font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;color:var(--fg);"
    "background:var(--bg)}"
    "header,main,footer{max-width:76rem;margin:0 auto;padding:0 1.25rem}"
    "h1{font-size:1.75rem;line-height:1.2;margin:2rem 0 .25rem;overflow-wrap:anywhere}"
    "h2{font-size:1.25rem;line-height:1.3;margin:2.5rem 0 1rem;padding-top:1.25rem;border-top:1px solid var(--line)}"
    "p{margin:.5rem 0;max-width:44rem}.sub,.note,footer{color:var(--mut)}.sub{margin:0}"
    "footer{font-size:.8125rem;margin-top:3rem;padding-bottom:2rem}"
    "nav{margin:1rem 0;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem}"
    "a{color:rgb(var(--p))}nav a{padding:.25rem 0}"
    ":focus-visible{outline:2px solid rgb(var(--p));outline-offset:2px}"
    ".figures{display:flex;flex-wrap:wrap;gap:1rem 2.25rem;margin:1.25rem 0}.figures dt{font-size:.8125rem;"
    "color:var(--mut)}"
    ".figures dd{margin:0;font-size:1.375rem;line-height:1.3;font-weight:600;font-variant-numeric:tabular-nums}"
    ".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,27rem),1fr));gap:2rem 2.5rem;"
    "margin-bottom:1rem}"
    ".chart{display:block;overflow:visible;width:100%;max-width:40rem;height:auto}"
    "details{margin:1rem 0}summary{cursor:pointer;color:rgb(var(--p));padding:.25rem 0}"
    ".scroll{overflow:auto;max-width:100%;margin:1rem 0}.tall{max-height:40rem}"
    "table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}"
    "caption{text-align:left;font-weight:600;padding-bottom:.5rem;white-space:nowrap}"
    ".pair{display:flex;flex-wrap:wrap;gap:1rem 4rem;align-items:flex-start;margin-bottom:1.5rem}"
    "th,td{padding:.3rem .75rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line);"
    "font-weight:400}"
    "tr>:first-child{padding-left:0}thead th{color:var(--mut);vertical-align:bottom}"
    "th:first-child,.w{text-align:left}.best{font-weight:600}.best *{font-weight:600}"
    ".run td{white-space:normal;overflow-wrap:anywhere}.run th{color:var(--mut);vertical-align:top}"
    ".tall thead th{position:sticky;top:0;background:var(--bg)}tfoot *{color:var(--mut)}"
    "th button{all:unset;cursor:pointer}th button:hover{color:var(--fg)}"
    "th button:focus-visible{outline:2px solid rgb(var(--p))}"
    "th[aria-sort] button::after{content:' \\2191'}th[aria-sort=descending] button::after{content:' \\2193'}"
    "\n";

/* Matrices, photos, narrow screens, paper. */
const char rn_report_more_style[] =
    ".matrix td{text-align:center;min-width:3.25rem;border:1px solid var(--bg)}.matrix thead th:not(:first-child)"
    "{text-align:center}"
    ".matrix td:not([class]){color:var(--mut)}"
    ".r{--h:var(--p)}.x{--h:var(--s)}"
    ".q1{background:rgba(var(--h),.08)}.q2{background:rgba(var(--h),.14)}.q3{background:rgba(var(--h),.2)}"
    ".q4{background:rgba(var(--h),.26)}.q5{background:rgba(var(--h),.32)}.q6{background:rgba(var(--h),.38)}"
    ".q7{background:rgba(var(--h),.44)}.q8{background:rgba(var(--h),.5)}"
    "figure{margin:0}.heat{max-height:85vh;border:1px solid var(--line);width:fit-content}.heat svg{display:block}"
    ".heat path{stroke:rgb(var(--h));stroke-width:1;shape-rendering:crispEdges}.frame{fill:var(--soft)}"
    ".heat .t{font-size:9px}"
    ".o1{stroke-opacity:.2}.o2{stroke-opacity:.32}.o3{stroke-opacity:.44}.o4{stroke-opacity:.56}.o5{stroke-opacity:.68}"
    ".o6{stroke-opacity:.8}.o7{stroke-opacity:.9}.tiny path{stroke-opacity:.8}"
    ".key::before{content:'';display:inline-block;width:.75em;height:.75em;margin-right:.3em;background:rgb(var(--h))}"
    ".tools{display:flex;flex-wrap:wrap;align-items:center;gap:.5rem 1.5rem;margin-top:1rem;font-size:.875rem}"
    ".tools input{vertical-align:middle}"
    ".grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(8rem,1fr));gap:1.5rem 1rem;margin-top:1rem}"
    ".grid figcaption{font-size:.8125rem;line-height:1.35;margin-top:.35rem;overflow-wrap:anywhere}"
    ".grid img,.none{display:flex;width:7rem;height:7rem;border-radius:4px;background:var(--soft)}"
    ".none{align-items:center;justify-content:center;color:var(--mut);font-size:.8125rem}"
    ".right{color:var(--ok)}.wrong{color:var(--no)}small{display:block;color:var(--mut);font-size:.75rem}"
    "@media(max-width:40rem){h1{font-size:1.5rem}tbody th,tbody .w{white-space:normal;min-width:7rem;"
    "overflow-wrap:anywhere}.chart .t{font-size:14px}.chart .h{font-size:16px}"
    ".grid{grid-template-columns:repeat(auto-fill,minmax(7rem,1fr))}}"
    "@media print{body{font-size:10pt}nav,.tools{display:none}.scroll{overflow:visible;max-height:none}"
    ".tall thead th{position:static}th button{display:contents}tfoot{display:table-row-group}"
    "figure,tr,.chart{break-inside:avoid}h2{break-after:avoid}}\n";

const char rn_report_script[] =
    "'use strict';\n"
    "document.querySelectorAll('table.sort').forEach(t=>{const heads=[...t.tHead.rows[0].cells];heads.forEach((h,i)=>{"
    "const b=document.createElement('button');b.type='button';b.textContent=h.textContent;h.replaceChildren(b);"
    "b.onclick=()=>{const up=h.getAttribute('aria-sort')!=='ascending',body=t.tBodies[0];"
    "heads.forEach(o=>o.removeAttribute('aria-sort'));h.setAttribute('aria-sort',up?'ascending':'descending');"
    "const key=r=>i?parseFloat(r.cells[i].textContent):+r.dataset.c;"
    "body.append(...[...body.rows].sort((a,b)=>(up?1:-1)*(i?key(a)-key(b):"
    "a.cells[0].textContent.localeCompare(b.cells[0].textContent,undefined,{numeric:true}))))}})});\n"
    "const heat=document.getElementById('heat');\n"
    "if(heat){const m=+heat.dataset.m,s=+heat.dataset.s,c=+heat.dataset.c,name={},of={},n=new Map();"
    "document.querySelectorAll('#classes tr[data-c]').forEach(r=>{name[r.dataset.c]=r.cells[0].textContent;"
    "of[r.dataset.c]=r.cells[1].textContent});"
    "heat.querySelectorAll('path').forEach(p=>{for(const k of p.getAttribute('d').matchAll(/M(\\d+ \\d+)/g))"
    "n.set(k[1],p.dataset.n)});"
    "const make=(t,o)=>Object.assign(document.createElement(t),o),say=make('output',"
    "{textContent:'Point at a cell for its numbers.'}),"
    "zoom=make('input',{type:'range',min:0.5,max:8,step:0.25,value:1}),label=make('label',{textContent:'Zoom '}),"
    "tools=make('div',{className:'tools'}),width=heat.width.baseVal.value;"
    "label.append(zoom);tools.append(label,say);heat.parentNode.before(tools);"
    "zoom.oninput=()=>{heat.style.width=width*zoom.value+'px'};"
    "const called=k=>name[k]||'class '+k;"
    "heat.onpointermove=heat.onpointerdown=e=>{const r=heat.getBoundingClientRect(),f=(m+s*c)/r.width,"
    "x=Math.floor(((e.clientX-r.left)*f-m)/s),y=Math.floor(((e.clientY-r.top)*f-m)/s);"
    "if(Math.min(x,y)>=0)if(c>Math.max(x,y))say.textContent=called(y)+(x===y?' recognised: ':' taken for '+called(x)"
    "+': ')"
    "+(n.get(x+' '+y)||0)+(of[y]?' of '+of[y]:'')+' photos'}}\n"
    "addEventListener('beforeprint',()=>document.querySelectorAll('details').forEach(d=>{d.open=true}));\n";
