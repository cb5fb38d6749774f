/* The report of a run: RUN_DIR/report.html, one file that shows the run anywhere, without network.
 * Each kind of run has a template (page/) whose {{names}} are filled by functions. */
#include "study/report.h"

#include <stdio.h>
#include <string.h>

#include "rung/run.h"

#define RECIPE_LIMIT ((size_t)1 << 20)

rung_status rg_report_path(const rg_report *r, const char *name, char **out) {
  size_t size = strlen(r->folder) + strlen(name) + 2;
  *out = rg_alloc(r->ctx, size, 1);
  if (!*out) return RUNG_E_MEMORY;
  snprintf(*out, size, "%s/%s", r->folder, name);
  return RUNG_OK;
}

static rung_status read_run(rg_report *r) {
  char *path = NULL;
  RG_TRY(rg_report_path(r, RUNG_RUN_LOG, &path));
  rung_status status = rg_run_log_read(r->ctx, path, &r->log);
  rg_free(r->ctx, path);
  if (status != RUNG_OK) return status;
  RG_TRY(rg_report_path(r, RUNG_RUN_RECIPE, &path));
  size_t length;
  status = rg_read_file(r->ctx, path, RECIPE_LIMIT, &r->recipe, &length);
  rg_free(r->ctx, path);
  if (status != RUNG_E_IO) return status;
  rung_clear_error(r->ctx); /* a report without its recipe is still a report */
  return RUNG_OK;
}

static rung_status write_report(rg_report *r) {
  RG_TRY(read_run(r));
  bool training = rg_json_member(r->log.start, "data.train").length > 0;
  RG_TRY(training ? rg_report_training(r) : rg_report_fit(r));
  char *path = NULL;
  RG_TRY(rg_report_path(r, RUNG_RUN_REPORT, &path));
  rung_status status = rg_write_file(r->ctx, path, r->page.data, r->page.length);
  rg_free(r->ctx, path);
  return status;
}

rung_status rung_run_report(rung_context *ctx, const char *folder) {
  if (!ctx) return RUNG_E_ARGUMENT;
  rung_clear_error(ctx);
  if (!folder)
    return rg_fail(ctx, RUNG_E_ARGUMENT, "rung_run_report: expected a folder, found NULL");
  rg_report r = {.ctx = ctx, .folder = folder};
  rg_text_init(&r.page, ctx);
  rg_text_init(&r.scratch, ctx);
  rg_text_init(&r.remark, ctx);
  rung_status status = write_report(&r);
  rg_text_free(&r.page);
  rg_text_free(&r.scratch);
  rg_text_free(&r.remark);
  rg_run_log_free(ctx, &r.log);
  rg_free(ctx, r.recipe);
  return status;
}
