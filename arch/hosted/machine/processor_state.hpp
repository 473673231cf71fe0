// A hosted processor needs nothing of its own.
#pragma once

namespace quarry::machine {

struct ProcessorState {};

}  // namespace quarry::machine
