/* Reads JSON where it lies: a value is a span of checked text, and nothing is allocated.
 * Grammar: RFC 8259. */
#ifndef RG_JSON_H
#define RG_JSON_H

#include "base/base.h"

/* A piece of text that holds one whole JSON value; length 0: no value. */
typedef struct rg_json {
  const char *text;
  size_t length;
} rg_json;

/* Checks text that should be one JSON value with white space around it, nested at most 64 deep.
 * Only spans of checked text may be given to the functions below. */
bool rg_json_check(const char *text, size_t length, rg_json *out);

/* The value of an object's key (without escapes); no value if absent or not an object. */
rg_json rg_json_member(rg_json object, const char *key);

/* Steps through an array: `*item` starts as no value, and the result is false behind the end. */
bool rg_json_next(rg_json array, rg_json *item);

/* False where the value is not a number, or not one that a double holds. */
bool rg_json_number(rg_json value, double *out);

/* Appends a string without its quotes and escapes; false where the value is not a string. */
bool rg_json_string(rg_json value, rg_text *out);

/* Whether the value is this string (without escapes). */
bool rg_json_is(rg_json value, const char *string);

#endif
