/**
 * @file rung.h
 * All of Rung's public interface.
 */
#ifndef RUNG_H
#define RUNG_H

#include "rung/base.h"
#include "rung/batch.h"
#include "rung/dataset.h"
#include "rung/evaluate.h"
#include "rung/expression.h"
#include "rung/fit.h"
#include "rung/graph.h"
#include "rung/model.h"
#include "rung/network.h"
#include "rung/op.h"
#include "rung/run.h"
#include "rung/stability.h"
#include "rung/table.h"
#include "rung/train.h"

#endif
