// Turns the registers of a native call into values that cannot be wrong, in the order of the call's
// declaration. A handler runs only if every one of them parsed.
#pragma once

#include "abi/calls.hpp"
#include "kernel/kernel.hpp"
#include "kernel/user_memory.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace quarry {

// Who calls: the running environment and its space.
struct Caller {
    Kernel& kernel;
    Environment& environment;
    Space& space;
};

// A space the caller may act on: its own, or one that its space created.
class SpaceRef {
  public:
    static Result<SpaceRef> parse(Caller const& caller, std::uint64_t id) {
        if (id == 0) {
            return SpaceRef{caller.space};
        }
        auto* const space = caller.kernel.spaces.find(id);
        if (space == nullptr) {
            return Error::not_found;
        }
        if (space != &caller.space && space->creator != &caller.space) {
            return Error::not_allowed;
        }
        return SpaceRef{*space};
    }
    Space& space() const { return *space_; }
    Mapped mapped() const { return space_->mapped(); }

  private:
    explicit SpaceRef(Space& space) : space_(&space) {}
    Space* space_;
};

// A stopped environment the caller may act on: the only kind whose registers can be set.
class StoppedEnvRef {
  public:
    Environment& environment() const { return *environment_; }

  private:
    friend class EnvRef;
    explicit StoppedEnvRef(Environment& environment) : environment_(&environment) {}
    Environment* environment_;
};

// An environment the caller may act on: in its own space, or in one that its space created.
class EnvRef {
  public:
    static Result<EnvRef> parse(Caller const& caller, std::uint64_t id) {
        if (id == 0) {
            return EnvRef{caller.environment};
        }
        auto* const environment = caller.kernel.environments.find(id);
        if (environment == nullptr) {
            return Error::not_found;
        }
        auto const& space = environment->space();
        if (&space != &caller.space && space.creator != &caller.space) {
            return Error::not_allowed;
        }
        return EnvRef{*environment};
    }
    Environment& environment() const { return *environment_; }

    // It, if it has not ended.
    Result<EnvRef> live() const {
        if (environment_->state == abi::EnvState::ended) {
            return Error::ended;
        }
        return *this;
    }
    Result<StoppedEnvRef> stopped() const {
        TRY(live());
        if (environment_->state != abi::EnvState::stopped) {
            return Error::not_stopped;
        }
        return StoppedEnvRef{*environment_};
    }

  private:
    explicit EnvRef(Environment& environment) : environment_(&environment) {}
    Environment* environment_;
};

// Permissions and options of a page call, parsed.
struct PageMode {
    PagePerms perms;
    IfAbsent if_absent;
    IfSole if_sole;
    FrameSize size;

    static Result<PageMode> parse(std::uint64_t word, std::uint64_t allowed_options) {
        abi::PageOptions const options{word >> 32};
        if ((options.bits & ~allowed_options) != 0) {
            return Error::bad_argument;
        }
        auto const perms = TRY(PagePerms::parse(word & 0xffff'ffff));
        return PageMode{perms, IfAbsent{options.has(abi::page_option::if_absent)},
                        IfSole{options.has(abi::page_option::if_sole)},
                        options.has(abi::page_option::huge) ? FrameSize::huge : FrameSize::page};
    }
};

// Parses the parameters of one call. Page ranges are of the space named last before them.
class Decoder {
  public:
    Decoder(Caller const& caller, std::span<std::uint64_t const, abi::argument_registers> words)
        : caller_(caller), words_(words), top_(caller.space.user_top()) {}

    template <typename Wire>
    auto next();

  private:
    std::uint64_t word() { return words_[used_++]; }
    UserAddr own_top() const { return caller_.space.user_top(); }

    Caller const& caller_;
    std::span<std::uint64_t const, abi::argument_registers> words_;
    std::size_t used_ = 0;
    UserAddr top_;

    Result<SpaceRef> parse(abi::SpaceId*) {
        auto const ref = TRY(SpaceRef::parse(caller_, word()));
        top_ = ref.space().user_top();
        return ref;
    }
    Result<EnvRef> parse(abi::EnvId*) { return EnvRef::parse(caller_, word()); }
    Result<std::uint64_t> parse(std::uint64_t*) { return word(); }
    Result<PageSpan> parse(abi::PageRange*) {
        auto const address = word();
        return parse_page_span(address, word(), top_);
    }
    Result<UserPage> parse(abi::PageAddress*) { return parse_user_page(word(), top_); }
    Result<UserAddr> parse(abi::UserAddress*) {
        UserAddr const address{word()};
        if (address.raw() >= abi::canonical_limit) {
            return Error::bad_address;
        }
        return address;
    }
    template <std::uint64_t Allowed>
    Result<PageMode> parse(abi::PageMode<Allowed>*) {
        return PageMode::parse(word(), Allowed);
    }
    Result<UserSource> parse(abi::InBuffer*) {
        auto const address = word();
        return UserSource{TRY(UserBytes::parse(address, word(), own_top()))};
    }
    Result<UserTarget> parse(abi::OutBuffer*) {
        auto const address = word();
        return UserTarget{TRY(UserBytes::parse(address, word(), own_top()))};
    }
    template <typename T>
    Result<UserIn<T>> parse(abi::In<T>*) {
        return UserIn<T>{TRY(UserBytes::parse(word(), sizeof(T), own_top()))};
    }
    template <typename T>
    Result<UserOut<T>> parse(abi::Out<T>*) {
        return UserOut<T>{TRY(UserBytes::parse(word(), sizeof(T), own_top()))};
    }
};

template <typename Wire>
auto Decoder::next() {
    return parse(static_cast<Wire*>(nullptr));
}

}  // namespace quarry
