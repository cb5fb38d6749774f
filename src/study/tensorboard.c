/* An event file is a sequence of records of TensorFlow's TFRecord format,
 *
 *   length (8 bytes), masked CRC-32C of these, data, masked CRC-32C of the data,
 *
 * little-endian, with mask(c) = rotate right by 15, plus a282ead8. The data are a protocol buffer:
 *
 *   Event   { 1: double wall_time; 2: int64 step; 3: string file_version; 5: Summary }
 *   Summary { 1: Value }       Value { 1: string tag; 2: float simple_value } */
#include "study/tensorboard.h"

#include "store/protobuf.h"
#include "study/json.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are written as they lie");

uint32_t rg_crc32c(const void *data, size_t bytes) {
  const unsigned char *c = data;
  uint32_t crc = 0xffffffffu;
  for (size_t i = 0; i < bytes; i++) {
    crc ^= c[i];
    for (int k = 0; k < 8; k++) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
  }
  return ~crc;
}

static uint32_t masked(const void *data, size_t bytes) {
  uint32_t crc = rg_crc32c(data, bytes);
  return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

/* Puts the event in as a record and releases it. */
static void add_record(rg_text *out, rg_text *event) {
  uint64_t length = event->length;
  if (event->failed) out->failed = true;
  if (!event->failed) {
    uint32_t of_length = masked(&length, sizeof length), of_data = masked(event->data, length);
    rg_text_add_n(out, (const char *)&length, sizeof length);
    rg_text_add_n(out, (const char *)&of_length, sizeof of_length);
    rg_text_add_n(out, event->data, length);
    rg_text_add_n(out, (const char *)&of_data, sizeof of_data);
  }
  rg_text_free(event);
}

void rg_tensorboard_begin(rg_text *out, double time) {
  rg_text event;
  rg_text_init(&event, out->ctx);
  rg_proto_double(&event, 1, time);
  rg_proto_string(&event, 3, "brain.Event:2");
  add_record(out, &event);
}

static void add_scalar(rg_text *out, double time, int64_t step, const char *tag, double number) {
  rg_text event, summary, value;
  rg_text_init(&event, out->ctx);
  rg_text_init(&summary, out->ctx);
  rg_text_init(&value, out->ctx);
  rg_proto_string(&value, 1, tag);
  rg_proto_float(&value, 2, (float)number);
  rg_proto_message(&summary, 1, &value);
  rg_proto_double(&event, 1, time);
  rg_proto_int(&event, 2, step);
  rg_proto_message(&event, 5, &summary);
  add_record(out, &event);
}

void rg_tensorboard_line(rg_text *out, const char *line, size_t length) {
  static const char *const keys[][2] = {{"train_loss", "loss/train"},
                                        {"validation_loss", "loss/validation"},
                                        {"train_accuracy", "accuracy/train"},
                                        {"validation_accuracy", "accuracy/validation"},
                                        {"rate", "rate"},
                                        {"gradient_norm", "gradient_norm"},
                                        {"drift", "drift"}};
  rg_json event;
  double time = 0, epoch = 0, number;
  if (!rg_json_check(line, length, &event) || *event.text != '{') return;
  if (!rg_json_is(rg_json_member(event, "event"), "epoch")) return;
  rg_json_number(rg_json_member(event, "time"), &time);
  rg_json_number(rg_json_member(event, "epoch"), &epoch);
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    if (rg_json_number(rg_json_member(event, keys[i][0]), &number))
      add_scalar(out, time, (int64_t)epoch, keys[i][1], number);
}
