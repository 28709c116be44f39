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
/* Text, whole; at most so many characters, the last an ellipsis if there are more; at most 80. */
void rn_put_text(rn_page *page, const char *text);
void rn_put_cut(rn_page *page, const char *text, size_t characters);
void rn_put_name(rn_page *page, const char *text);
/* Numbers with a point, whatever the locale; a dash for what is none. */
void rn_put_count(rn_page *page, int64_t value);
void rn_put_number(rn_page *page, double value, int32_t digits); /* behind the point, at most 6 */
void rn_put_shortest(rn_page *page, double value);
/* A part of 1 as "93.4 %". */
void rn_put_part(rn_page *page, double part);
/* Bytes as base64. */
void rn_put_base64(rn_page *page, const unsigned char *bytes, size_t nbytes);

/* A cell of a table. */
void rn_put_cell(rn_page *page, double value, int32_t digits);

#endif
