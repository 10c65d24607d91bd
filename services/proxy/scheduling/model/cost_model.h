// What a batch costs, in seconds of one backend slot.
#pragma once

#include "common/cost_model.h"

namespace smartbatch::scheduling {

using CostModel = smartbatch::CostModel;

}  // namespace smartbatch::scheduling
