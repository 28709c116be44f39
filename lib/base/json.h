/* SPDX-License-Identifier: MIT */
/*
 * JSON. The only place that knows cJSON. Its parser stores the place of an error in a global, so parsing takes a lock
 * here. Nesting is limited to 64.
 */
#ifndef RN_BASE_JSON_H
#define RN_BASE_JSON_H

#include "base/message.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct rn_json rn_json;

/*
 * Parses all of `text`; only white space may follow the value. RN_FORMAT: not JSON, not UTF-8, too deep.
 * RN_NO_MEMORY.
 */
rn_status rn_json_parse(rn_json **json, const char *text, size_t nbytes, rn_message *message);
void rn_json_destroy(rn_json *json); /* the root only; NULL is fine */

/* Looking; all borrowed from the root. NULL and false answers mean "not so". */
bool rn_json_is_object(const rn_json *json);
bool rn_json_is_array(const rn_json *json);
const rn_json *rn_json_member(const rn_json *object, const char *name); /* case-sensitive */
const rn_json *rn_json_first(const rn_json *container);                 /* of an object or array, in order */
const rn_json *rn_json_next(const rn_json *item);
const char *rn_json_name(const rn_json *item); /* of a member */
size_t rn_json_count(const rn_json *container);
const char *rn_json_string(const rn_json *json);
bool rn_json_number(double *value, const rn_json *json);
bool rn_json_is_true(const rn_json *json);
bool rn_json_is_false(const rn_json *json);
/* An integer in [0, 2^53]: a double holds it exactly. */
bool rn_json_size(uint64_t *value, const rn_json *json);

/*
 * Building: names are not checked for repeats, and numbers are kept as text that reads back exactly. The text is
 * released with rn_json_release_text. Every call returns false or NULL without memory.
 */
rn_json *rn_json_new_object(void);
rn_json *rn_json_new_array(void);
bool rn_json_set_string(rn_json *object, const char *name, const char *value);
bool rn_json_set_number(rn_json *object, const char *name, double value); /* not finite: null */
bool rn_json_set(rn_json *object, const char *name, rn_json *value);      /* takes the value over, also on failure */
bool rn_json_append_string(rn_json *array, const char *value);
bool rn_json_append(rn_json *array, rn_json *value);
char *rn_json_text(const rn_json *json); /* one line, UTF-8 */
void rn_json_release_text(char *text);

#endif
