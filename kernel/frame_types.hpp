// A frame by what it is used for. A page table can never be put behind a program's mapping, because
// its frame has another type.
#pragma once

#include "base/address.hpp"

namespace quarry {

template <typename Use>
class TypedFrame {
  public:
    constexpr explicit TypedFrame(PhysPage page) : page_(page) {}
    constexpr PhysPage page() const { return page_; }

  private:
    PhysPage page_;
};

using UserFrame = TypedFrame<struct UserFrameUse>;    // mapped by programs
using TableFrame = TypedFrame<struct TableFrameUse>;  // holds page-table entries

}  // namespace quarry
