/* SPDX-License-Identifier: MIT */
/*
 * JSON (RFC 8259) by cJSON.
 *
 * cJSON is lenient where a hostile file could profit: it takes any control character for white space, cuts a string at
 * an escaped zero, does not look at UTF-8, and recurses. So one pass over the text checks these before cJSON sees it.
 */
#define _POSIX_C_SOURCE 200809L
#include "base/json.h"

#include "base/json_grammar.h"
#include "base/text.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NESTING_LIMIT = 64 };

/*
 * The one changeable global of the library: cJSON_Parse stores the place of an error in a global of its own, and two
 * contexts that parse at the same time would race on it. Only a lock that exists once helps.
 */
static pthread_mutex_t parser_lock = PTHREAD_MUTEX_INITIALIZER;

static void take_parser(void)
{
    pthread_mutex_lock(&parser_lock);
}

static void give_parser(void)
{
    pthread_mutex_unlock(&parser_lock);
}

/* Nobody parses while the process forks: the child would find the lock taken by a thread that it does not have. */
__attribute__((constructor)) static void keep_parser_over_forks(void)
{
    pthread_atfork(take_parser, give_parser, give_parser);
}

static const cJSON *item_of(const rn_json *json)
{
    return (const cJSON *)json;
}

/* What is wrong with the text that cJSON would not notice, or NULL; *place is where. */
static const char *find_fault(size_t *place, const unsigned char *text, size_t nbytes)
{
    bool in_string = false;
    int depth = 0;
    size_t length;

    for (size_t i = 0; i < nbytes; i += length) {
        const unsigned char c = text[i];

        *place = i;
        length = rn_text_character(NULL, (const char *)text + i, nbytes - i);
        if (length == 0)
            return "not UTF-8";
        if (c < 0x20 && (in_string || (c != '\t' && c != '\n' && c != '\r')))
            return "a control character";
        if (c == '"') {
            in_string = !in_string;
        } else if (in_string && c == '\\') {
            if (nbytes - i >= 6 && memcmp(text + i + 1, "u0000", 5) == 0)
                return "a string with a zero";
            length = i + 1 < nbytes && text[i + 1] < 0x80 && text[i + 1] >= 0x20 ? 2 : 1;
        } else if (!in_string && (c == '[' || c == '{')) {
            if (++depth > NESTING_LIMIT)
                return "nested too deeply";
        } else if (!in_string && (c == ']' || c == '}')) {
            depth--;
        }
    }
    *place = nbytes;
    return in_string || depth != 0 ? "it ends too early, or its brackets do not match" : NULL;
}

rn_status rn_json_parse(rn_json **json, const char *text, size_t nbytes, rn_message *message)
{
    const char *const end = text + nbytes, *at = text;
    size_t place = 0;
    const char *const fault = find_fault(&place, (const unsigned char *)text, nbytes);
    cJSON *root;
    bool memory;

    *json = NULL;
    if (fault != NULL)
        return rn_fail(message, RN_FORMAT, "not JSON that can be read: %s (at byte %zu)", fault, place);
    take_parser();
    errno = 0; /* malloc sets it, and cJSON says nothing else of memory */
    root = cJSON_ParseWithLengthOpts(text, nbytes, &at, 0);
    memory = root != NULL || errno != ENOMEM;
    give_parser();
    while (root != NULL && at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r'))
        at++;
    if (!memory)
        return rn_fail(message, RN_NO_MEMORY, "no memory to read %zu bytes of JSON", nbytes);
    if (root == NULL || at != end) {
        cJSON_Delete(root);
        if (root == NULL && rn_json_is_grammatical(text, nbytes))
            return rn_fail(message, RN_NO_MEMORY, "no memory for the %zu bytes of JSON", nbytes);
        return rn_fail(message, RN_FORMAT, "not JSON (near byte %zu)",
                       at >= text && at <= end ? (size_t)(at - text) : nbytes);
    }
    *json = (rn_json *)root;
    return RN_OK;
}

void rn_json_destroy(rn_json *json)
{
    cJSON_Delete((cJSON *)json);
}

bool rn_json_is_object(const rn_json *json)
{
    return cJSON_IsObject(item_of(json));
}

bool rn_json_is_array(const rn_json *json)
{
    return cJSON_IsArray(item_of(json));
}

const rn_json *rn_json_member(const rn_json *object, const char *name)
{
    return rn_json_is_object(object) ? (const rn_json *)cJSON_GetObjectItemCaseSensitive(item_of(object), name) : NULL;
}

const rn_json *rn_json_first(const rn_json *container)
{
    return rn_json_is_object(container) || rn_json_is_array(container) ? (const rn_json *)item_of(container)->child
                                                                       : NULL;
}

const rn_json *rn_json_next(const rn_json *item)
{
    return item != NULL ? (const rn_json *)item_of(item)->next : NULL;
}

const char *rn_json_name(const rn_json *item)
{
    return item != NULL ? item_of(item)->string : NULL;
}

size_t rn_json_count(const rn_json *container)
{
    size_t count = 0;

    for (const rn_json *item = rn_json_first(container); item != NULL; item = rn_json_next(item))
        count++;
    return count;
}

const char *rn_json_string(const rn_json *json)
{
    return cJSON_GetStringValue(item_of(json));
}

bool rn_json_is_true(const rn_json *json)
{
    return cJSON_IsTrue(item_of(json)) != 0;
}

bool rn_json_is_false(const rn_json *json)
{
    return cJSON_IsFalse(item_of(json)) != 0;
}

bool rn_json_number(double *value, const rn_json *json)
{
    const double number = cJSON_IsNumber(item_of(json)) ? item_of(json)->valuedouble : NAN;

    if (!isfinite(number)) /* 1e999 is JSON, but no number of ours */
        return false;
    *value = number;
    return true;
}

bool rn_json_size(uint64_t *value, const rn_json *json)
{
    double number;

    if (!rn_json_number(&number, json) || number < 0 || number > 0x1p53 || number != floor(number))
        return false;
    *value = (uint64_t)number;
    return true;
}

rn_json *rn_json_new_object(void)
{
    return (rn_json *)cJSON_CreateObject();
}

rn_json *rn_json_new_array(void)
{
    return (rn_json *)cJSON_CreateArray();
}

bool rn_json_set(rn_json *object, const char *name, rn_json *value)
{
    if (value != NULL && cJSON_AddItemToObject((cJSON *)object, name, (cJSON *)value))
        return true;
    cJSON_Delete((cJSON *)value);
    return false;
}

bool rn_json_append(rn_json *array, rn_json *value)
{
    if (value != NULL && cJSON_AddItemToArray((cJSON *)array, (cJSON *)value))
        return true;
    cJSON_Delete((cJSON *)value);
    return false;
}

/* snprintf writes the locale's decimal point. */
static void write_point(char *text)
{
    char *const point = text + strspn(text, "+-0123456789");
    const size_t width = strcspn(point, "e0123456789");

    if (width > 0) {
        memmove(point + 1, point + width, strlen(point + width) + 1);
        *point = '.';
    }
}

/*
 * The shortest of 15 to 17 digits that gives the same number back. cJSON's own printing is content with an error in the
 * last place, so that 2^53 - 1 comes out even.
 */
static cJSON *create_number(double value)
{
    char text[64];

    if (!isfinite(value))
        return cJSON_CreateNull();
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    write_point(text);
    return cJSON_CreateRaw(text);
}

/* A file name need not be UTF-8, but what is written here must be read again: other bytes become U+FFFD. */
static cJSON *create_string(const char *value)
{
    static const char replacement[] = "\xef\xbf\xbd";
    const unsigned char *at = (const unsigned char *)value;
    size_t left = strlen(value), used = 0, length;
    char *const text = left <= (SIZE_MAX - 1) / 3 ? malloc(3 * left + 1) : NULL;
    cJSON *item;

    if (text == NULL)
        return NULL;
    for (; left > 0; at += length, left -= length) {
        length = rn_text_character(NULL, (const char *)at, left);
        memcpy(text + used, length > 0 ? (const char *)at : replacement, length > 0 ? length : 3);
        used += length > 0 ? length : 3;
        length += length == 0;
    }
    text[used] = '\0';
    item = cJSON_CreateString(text);
    free(text);
    return item;
}

bool rn_json_set_string(rn_json *object, const char *name, const char *value)
{
    return rn_json_set(object, name, (rn_json *)create_string(value));
}

bool rn_json_set_number(rn_json *object, const char *name, double value)
{
    return rn_json_set(object, name, (rn_json *)create_number(value));
}

bool rn_json_append_string(rn_json *array, const char *value)
{
    return rn_json_append(array, (rn_json *)create_string(value));
}

char *rn_json_text(const rn_json *json)
{
    return cJSON_PrintUnformatted(item_of(json));
}

void rn_json_release_text(char *text)
{
    cJSON_free(text);
}
