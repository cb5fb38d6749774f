/* Protocol buffers, written: https://protobuf.dev/programming-guides/encoding. A message is text
 * under construction; a message in a message is written first and then put in. Failures are
 * remembered in the text: look once, with rg_text_status(). */
#ifndef RG_PROTOBUF_H
#define RG_PROTOBUF_H

#include "base/base.h"

void rg_proto_int(rg_text *message, int field, int64_t value);
void rg_proto_float(rg_text *message, int field, float value);
void rg_proto_double(rg_text *message, int field, double value);
void rg_proto_bytes(rg_text *message, int field, const void *data, size_t length);
void rg_proto_string(rg_text *message, int field, const char *text);
/* Puts `part` in and releases it. */
void rg_proto_message(rg_text *message, int field, rg_text *part);

#endif
