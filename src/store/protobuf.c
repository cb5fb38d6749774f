#include "store/protobuf.h"

#include <string.h>

enum { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

static void put_varint(rg_text *message, uint64_t value) {
  char bytes[10];
  size_t count = 0;
  do {
    bytes[count++] = (char)((value & 127) | (value > 127 ? 128 : 0));
    value >>= 7;
  } while (value);
  rg_text_add_n(message, bytes, count);
}

static void put_key(rg_text *message, int field, int kind) {
  put_varint(message, (uint64_t)(field * 8 + kind));
}

/* The lowest byte first, whatever the machine. */
static void put_fixed(rg_text *message, uint64_t bits, size_t bytes) {
  char out[8];
  for (size_t i = 0; i < bytes; i++) out[i] = (char)(bits >> (8 * i) & 255);
  rg_text_add_n(message, out, bytes);
}

void rg_proto_int(rg_text *message, int field, int64_t value) {
  put_key(message, field, VARINT);
  put_varint(message, (uint64_t)value);
}

void rg_proto_float(rg_text *message, int field, float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  put_key(message, field, FIXED32);
  put_fixed(message, bits, 4);
}

void rg_proto_double(rg_text *message, int field, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  put_key(message, field, FIXED64);
  put_fixed(message, bits, 8);
}

void rg_proto_bytes(rg_text *message, int field, const void *data, size_t length) {
  put_key(message, field, BYTES);
  put_varint(message, length);
  rg_text_add_n(message, data, length);
}

void rg_proto_string(rg_text *message, int field, const char *text) {
  rg_proto_bytes(message, field, text, strlen(text));
}

void rg_proto_message(rg_text *message, int field, rg_text *part) {
  rg_proto_bytes(message, field, part->data ? part->data : "", part->length);
  if (part->failed) message->failed = true;
  rg_text_free(part);
}
