// The array of environments that programs may read (abi/view.hpp), and the state of an environment,
// which is written there too.
#pragma once

#include "abi/view.hpp"
#include "base/relaxed.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace quarry {

// By slot. Whole pages of it are mapped, so nothing else shares them.
extern constinit std::array<abi::EnvView, abi::env_view_slots> env_view_array;
static_assert(sizeof(env_view_array) % abi::page_bytes == 0);

// Programs read while the kernel writes.
template <typename T>
void show(T& field, T value) {
    std::atomic_ref<T>{field}.store(value, std::memory_order_relaxed);
}

// Where an environment runs, if anywhere: in the form of its view, so that one word says it there and
// here. What is written before it is seen by who reads it.
class RunsOn {
  public:
    static constexpr unsigned nowhere = ~0u;
    // The status and the processor of a view.
    static constexpr std::uint64_t word_of(unsigned processor) {
        return std::uint64_t{processor} << 32 |
               static_cast<std::uint32_t>(abi::ViewStatus::running);
    }
    RunsOn() = default;
    RunsOn(RunsOn const&) = delete;
    RunsOn& operator=(RunsOn const&) = delete;
    // NOLINTNEXTLINE(google-explicit-constructor): stands for the processor itself
    operator unsigned() const {
        return static_cast<unsigned>(word_.load(std::memory_order_acquire) >> 32);
    }
    unsigned operator=(unsigned processor) {  // NOLINT(misc-unconventional-assign-operator)
        word_.store(word_of(processor), std::memory_order_release);
        return processor;
    }

  private:
    std::atomic<std::uint64_t> word_ = word_of(nowhere);
};
static_assert(offsetof(abi::EnvView, status) % 8 == 0 &&
              offsetof(abi::EnvView, processor) == offsetof(abi::EnvView, status) + 4);

// An environment's state: changed under its lock, shown to programs. Read without the lock it is a hint,
// but for the processor that runs the environment: whose wait has ended finds there what it waited for.
class ShownState {
  public:
    explicit ShownState(abi::EnvState state) : state_(state) {}
    ShownState(ShownState const&) = delete;
    ShownState& operator=(ShownState const&) = delete;

    // NOLINTNEXTLINE(google-explicit-constructor): stands for the state itself
    operator abi::EnvState() const { return state_; }
    abi::EnvState operator=(abi::EnvState state) {  // NOLINT(misc-unconventional-assign-operator)
        state_ = state;
        show(view_->status, status_of(state));
        return state;
    }
    // From here on programs see it.
    void appear(abi::EnvView& view) {
        view_ = &view;
        *this = state_;
    }
    void run_on(unsigned processor) {
        auto* const view = view_;
        show(view->processor, processor);
        show(view->status, abi::ViewStatus::running);
    }
    void run_no_more() { *this = state_; }
    // Of one that is shown as waiting while it is kept as runnable: see Environment::settle().
    void wait() { show(view_->status, abi::ViewStatus::not_runnable); }
    void keep_as(abi::EnvState state) { state_ = state; }

  private:
    static constexpr abi::ViewStatus status_of(abi::EnvState state) {
        switch (state) {
            case abi::EnvState::runnable:
                return abi::ViewStatus::runnable;
            case abi::EnvState::ended:
                return abi::ViewStatus::ended;
            default:
                return abi::ViewStatus::not_runnable;
        }
    }
    Published<abi::EnvState> state_;
    static constinit inline abi::EnvView not_shown_{};  // of one that is being made
    abi::EnvView* view_ = &not_shown_;
};

}  // namespace quarry
