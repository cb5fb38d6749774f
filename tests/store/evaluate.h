/* A model by its definition (nn/model.h), in one arithmetic: the oracle of the exports. Define
 * REAL, F(name) for the number functions and NAME(name) before including. */

static REAL NAME(chain)(int64_t n, const double *w, const REAL *v) {
  REAL sum = F(from_double)(0);
  for (int64_t i = 0; i < n; i++) sum = F(muladd)(F(from_double)(w[i]), v[i], sum);
  return sum;
}

static REAL NAME(long_chain)(int64_t n, const double *w, const REAL *v) {
#ifdef PAIR
  REAL sum = 0, rest = 0;
  for (int64_t i = 0; i < n; i++) {
    PAIR p = F(two_prod)((REAL)w[i], v[i]), t = F(two_sum)(sum, p.hi);
    sum = t.hi;
    rest += t.lo + p.lo;
  }
  return sum + rest;
#else
  return NAME(chain)(n, w, v);
#endif
}

static void NAME(stage)(const rung_model *m, const rg_stage *g, const REAL *s, REAL *u) {
  REAL h[64], next[64];
  memcpy(h, s, (size_t)m->inputs * sizeof *h);
  for (int l = 0; l < g->layer_count; l++) {
    const rg_layer *y = &g->layer[l];
    for (int64_t i = 0; i < y->width; i++) {
      REAL z =
          F(add)(NAME(chain)(y->inputs, y->weight + i * y->inputs, h), F(from_double)(y->bias[i]));
      next[i] = y->activation == RG_SIN ? F(sin)(z) : F(tanh)(z);
    }
    memcpy(h, next, (size_t)y->width * sizeof *h);
  }
  int64_t width = g->layer[g->layer_count - 1].width;
  for (int o = 0; o < m->outputs; o++) {
    u[o] = NAME(long_chain)(width, g->head + o * width, h);
    if (g->has_skip) u[o] = F(add)(u[o], NAME(long_chain)(m->inputs, g->skip + o * m->inputs, s));
    u[o] = F(add)(u[o], F(from_double)(g->bias[o]));
  }
}

static void NAME(evaluate)(const rung_model *m, const REAL *x, REAL *y) {
  REAL s[8], u[8];
  for (int j = 0; j < m->inputs; j++)
    s[j] = F(mul)(F(sub)(x[j], F(from_double)(m->centre[j])), F(from_double)(m->scale[j]));
  for (int o = 0; o < m->outputs; o++) y[o] = F(from_double)(0);
  for (int k = m->stage_count - 1; k >= 0; k--) {
    NAME(stage)(m, &m->stage[k], s, u);
    for (int o = 0; o < m->outputs; o++) {
      REAL part = F(mul)(F(from_double)(m->stage[k].eps[o]), u[o]);
      y[o] = k == m->stage_count - 1 ? part : F(add)(y[o], part);
    }
  }
}

#undef REAL
#undef PAIR
#undef F
#undef NAME
