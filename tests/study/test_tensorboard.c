/* Event files: what an own reader of the format finds in them is what the log said. */
#include "test.h"

#include <math.h>

#include "study/tensorboard.h"

typedef struct scalar {
  double time;
  int64_t step;
  char tag[64];
  float value;
} scalar;

typedef struct reader {
  const unsigned char *at, *end;
} reader;

static uint64_t take_varint(reader *r) {
  uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    assert_true(r->at < r->end && shift < 64);
    value |= (uint64_t)(*r->at & 0x7f) << shift;
    if (!(*r->at++ & 0x80)) return value;
  }
}

static reader take_part(reader *r, size_t length) {
  assert_true((size_t)(r->end - r->at) >= length);
  reader part = {r->at, r->at + length};
  r->at += length;
  return part;
}

static void read_value(reader r, scalar *out) {
  while (r.at < r.end) {
    uint64_t key = take_varint(&r);
    if (key == (1 << 3 | 2)) {
      reader tag = take_part(&r, take_varint(&r));
      assert_true((size_t)(tag.end - tag.at) < sizeof out->tag);
      memcpy(out->tag, tag.at, (size_t)(tag.end - tag.at));
    } else {
      assert_int_equal(key, 2 << 3 | 5);
      memcpy(&out->value, take_part(&r, 4).at, 4);
    }
  }
}

/* One event; true where it holds a scalar. */
static bool read_event(reader r, scalar *out) {
  bool found = false;
  *out = (scalar){0};
  while (r.at < r.end) {
    uint64_t key = take_varint(&r);
    switch (key) {
    case 1 << 3 | 1:
      memcpy(&out->time, take_part(&r, 8).at, 8);
      break;
    case 2 << 3 | 0:
      out->step = (int64_t)take_varint(&r);
      break;
    case 3 << 3 | 2: {
      reader version = take_part(&r, take_varint(&r));
      assert_int_equal(version.end - version.at, 13);
      assert_memory_equal(version.at, "brain.Event:2", 13);
      break;
    }
    default: {
      assert_int_equal(key, 5 << 3 | 2);
      reader summary = take_part(&r, take_varint(&r));
      assert_int_equal(take_varint(&summary), 1 << 3 | 2);
      reader value = take_part(&summary, take_varint(&summary));
      assert_ptr_equal(summary.at, summary.end);
      read_value(value, out);
      found = true;
    }
    }
  }
  return found;
}

static uint32_t unmask(uint32_t masked) {
  uint32_t turned = masked - 0xa282ead8u;
  return turned >> 17 | turned << 15;
}

static uint32_t take_crc(reader *r) {
  uint32_t value;
  memcpy(&value, take_part(r, 4).at, 4);
  return unmask(value);
}

static int read_file(const rg_text *text, scalar *out, int most) {
  reader r = {(const unsigned char *)text->data, (const unsigned char *)text->data + text->length};
  int count = 0;
  for (bool first = true; r.at < r.end; first = false) {
    uint64_t length;
    reader head = take_part(&r, 8);
    memcpy(&length, head.at, 8);
    assert_int_equal(take_crc(&r), rg_crc32c(head.at, 8));
    reader data = take_part(&r, length);
    assert_int_equal(take_crc(&r), rg_crc32c(data.at, length));
    assert_true(count < most);
    bool scalar_found = read_event(data, &out[count]);
    assert_true(scalar_found == !first);
    count += scalar_found;
  }
  return count;
}

static void add_line(rg_text *out, const char *line) {
  rg_tensorboard_line(out, line, strlen(line));
}

static void epochs_become_scalars(void **state) {
  rg_text text;
  scalar found[20] = {0};
  rg_text_init(&text, *state);
  rg_tensorboard_begin(&text, 1.75e9);
  add_line(&text, "{\"event\":\"start\",\"time\":1}");
  add_line(&text, "{\"event\":\"epoch\",\"epoch\":300,\"train_loss\":0.25,\"train_accuracy\":0.5,"
                  "\"validation_loss\":null,\"rate\":1e-3,\"seconds\":2,\"time\":1750000002.5}");
  add_line(&text, "{\"event\":\"epoch\",\"epoch\":301,\"train_lo"); /* cut short */
  assert_int_equal(rg_text_status(&text), RUNG_OK);
  assert_int_equal(read_file(&text, found, 20), 3);
  static const char *const tags[] = {"loss/train", "accuracy/train", "rate"};
  static const float values[] = {0.25f, 0.5f, 1e-3f};
  for (int i = 0; i < 3; i++) {
    assert_string_equal(found[i].tag, tags[i]);
    assert_true(found[i].value == values[i]);
    assert_int_equal(found[i].step, 300);
    assert_true(found[i].time == 1750000002.5);
  }
  rg_text_free(&text);
}

/* RFC 3720, B.4. */
static void checksums_are_those_of_the_standard(void **state) {
  unsigned char bytes[32] = {0};
  (void)state;
  assert_int_equal(rg_crc32c(bytes, 32), 0x8a9136aa);
  memset(bytes, 0xff, 32);
  assert_int_equal(rg_crc32c(bytes, 32), 0x62a8ab43);
  for (int i = 0; i < 32; i++) bytes[i] = (unsigned char)i;
  assert_int_equal(rg_crc32c(bytes, 32), 0x46dd794e);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(epochs_become_scalars),
      TEST(checksums_are_those_of_the_standard),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
