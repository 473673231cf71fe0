// A thread of control in a space: what a processor runs. Its object has a frame of its own, charged
// to the space's account; when it has ended the object is the exit record, until reaped.
#pragma once

#include "abi/types.hpp"
#include "base/intrusive_list.hpp"
#include "kernel/space.hpp"
#include "machine/saved_state.hpp"

#include <cstdint>

namespace quarry {

class Environment {
  public:
    Environment(Space& space, PhysPage own_frame) : space_(space), own_frame_(own_frame) {}
    Environment(Environment const&) = delete;
    Environment& operator=(Environment const&) = delete;

    // First, because entry code finds the registers at the object's address.
    machine::SavedState saved{};

    abi::EnvId id;
    abi::EnvState state = abi::EnvState::stopped;
    abi::EnvStatus end{};  // how it ended

    Space& space() const { return space_; }
    PhysPage own_frame() const { return own_frame_; }

    ListLink<Environment> queue;           // in the run queue or a wait queue
    Environment* next_in_space = nullptr;  // all of the space's, ended ones too

  private:
    Space& space_;
    PhysPage own_frame_;
};
static_assert(sizeof(Environment) <= page_bytes);

using EnvironmentQueue = IntrusiveList<Environment, &Environment::queue>;

}  // namespace quarry
