/* SPDX-License-Identifier: MIT */
/*
 * Writing HTML and SVG. What is put is markup; what is text is escaped, so that no name breaks a page. All markup is
 * well-formed XML, too, which tests check.
 */
#ifndef RN_REPORT_PAGE_H
#define RN_REPORT_PAGE_H

#include "base/file.h"
#include "context/context.h"

typedef struct rn_page {
    rn_context *context;
    rn_replacement *file; /* keeps the first error until it is committed */
} rn_page;

/* Markup as it is. */
void rn_put(rn_page *page, const char *markup);
/*
 * Markup with what is put into it, as printf, of which it has: %s, text, escaped, of at most 80 characters (the last an
 * ellipsis if there are more); %d, %zu and % PRId64; %.Nf, a number with N digits behind the point; %g, the shortest
 * number that reads back as the same; %%. A number that is none is a dash.
 */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void
rn_print(rn_page *page, const char *markup, ...);
/* Text of any length, and of so many characters. */
void rn_put_text(rn_page *page, const char *text);
void rn_put_cut(rn_page *page, const char *text, size_t characters);
/* Numbers with a point, whatever the locale; a dash for what is none. */
void rn_put_number(rn_page *page, double value, int32_t digits);
void rn_put_shortest(rn_page *page, double value);
/* A part of 1 as "93.4 %". */
void rn_put_part(rn_page *page, double part);
/* Bytes as base64. */
void rn_put_base64(rn_page *page, const unsigned char *bytes, size_t nbytes);

#endif
