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

    // The caller's own lock, tried: another environment's is held already.
    Result<HeldLock> try_lock_self() const {
        auto lock = HeldLock::try_take(*environment.lock);
        if (!lock) {
            return busy;
        }
        return lock;
    }
};

// A space the caller may act on, locked: its own, or one that its space created. Two that are one
// space share a lock.
class SpaceRef {
  public:
    // `other` is the space a call names before this one: its lock is held already, so that the
    // second one is only tried.
    static Result<SpaceRef> parse(Caller const& caller, std::uint64_t id, Space* other) {
        if (id == 0 || id == caller.space.id.value) {
            if (other == &caller.space) {
                return SpaceRef{caller.space, HeldLock{}};
            }
            auto lock = other == nullptr ? HeldLock::take(*caller.space.lock)
                                         : HeldLock::try_take(*caller.space.lock);
            if (!lock) {
                return busy;
            }
            return SpaceRef{caller.space, std::move(lock)};
        }
        if (other != nullptr && id == other->id.value) {
            return SpaceRef{*other, HeldLock{}};
        }
        auto found = caller.kernel.spaces.find(id, other != nullptr);
        if (found.busy) {
            return busy;
        }
        if (found.object == nullptr) {
            return Error::not_found;
        }
        if (found.object->creator_id != caller.space.id.value) {
            return Error::not_allowed;
        }
        return SpaceRef{*found.object, std::move(found.lock)};
    }
    Space& space() const { return *space_; }
    Mapped mapped() const { return space_->mapped(); }

  private:
    SpaceRef(Space& space, HeldLock lock) : space_(&space), lock_(std::move(lock)) {}
    Space* space_;
    HeldLock lock_;
};

// A space by name alone: for the one call that cannot have it locked, because it frees the lock's
// subject.
struct UserSpaceId {
    abi::SpaceId id;
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

// An environment, locked; not necessarily one the caller may act on.
class PeerRef {
  public:
    static Result<PeerRef> parse(Caller const& caller, std::uint64_t id, Environment* locked) {
        if (locked != nullptr && locked->id.value == id) {
            return PeerRef{{locked, HeldLock{}, false}};
        }
        auto found = caller.kernel.environments.find(id, locked != nullptr);
        if (found.busy) {
            return busy;
        }
        if (found.object == nullptr) {
            return Error::not_found;
        }
        return PeerRef{std::move(found)};
    }
    Environment& environment() const { return *found_.object; }
    EnvironmentTable::Found take() && { return std::move(found_); }

  protected:
    explicit PeerRef(EnvironmentTable::Found found) : found_(std::move(found)) {}
    EnvironmentTable::Found found_;
};

// An environment the caller may act on, locked: in its own space, or in one that its space created.
class EnvRef : public PeerRef {
  public:
    static Result<EnvRef> parse(Caller const& caller, std::uint64_t id, Environment* locked) {
        auto ref = TRY(PeerRef::parse(caller, id == 0 ? caller.environment.id.value : id, locked));
        auto const& space = ref.environment().space();
        if (&space != &caller.space && space.creator_id != caller.space.id.value) {
            return Error::not_allowed;
        }
        return EnvRef{std::move(ref)};
    }

    // Whether it has not ended.
    Result<void> live() const {
        if (environment().ended()) {
            return Error::ended;
        }
        return {};
    }
    Result<StoppedEnvRef> stopped() const {
        TRY(live());
        if (environment().state != abi::EnvState::stopped ||
            environment().on != Environment::nowhere) {
            return Error::not_stopped;
        }
        return StoppedEnvRef{environment()};
    }

  private:
    explicit EnvRef(PeerRef ref) : PeerRef(std::move(ref)) {}
};

// Page calls refuse what is not the program's to map: above its user top, or where a JOS space has
// its probe page.
inline Result<PageSpan> parse_span_of(Space const& space, std::uint64_t address,
                                      std::uint64_t pages) {
    auto const span = TRY(parse_page_span(address, pages, space.user_top()));
    if (space.form().is_jos() && span.overlaps(jos_probe_region)) {
        return Error::bad_address;
    }
    return span;
}

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
        : caller_(caller), words_(words), space_(&caller.space) {}

    template <typename Wire>
    auto next();

  private:
    std::uint64_t word() { return words_[used_++]; }
    UserAddr own_top() const { return caller_.space.user_top(); }

    Caller const& caller_;
    std::span<std::uint64_t const, abi::argument_registers> words_;
    std::size_t used_ = 0;
    Space* space_;  // whose pages a range is of
    Space* locked_space_ = nullptr;
    Environment* locked_environment_ = nullptr;

    Result<SpaceRef> parse(abi::SpaceId*) {
        auto ref = TRY(SpaceRef::parse(caller_, word(), locked_space_));
        locked_space_ = &ref.space();
        space_ = &ref.space();
        return ref;
    }
    Result<UserSpaceId> parse(abi::EndingSpaceId*) { return UserSpaceId{{word()}}; }
    // Environments are locked after spaces; a second one is only tried, and shares the lock if it
    // is the first one again.
    Result<EnvRef> parse(abi::EnvId*) {
        auto ref = TRY(EnvRef::parse(caller_, word(), locked_environment_));
        locked_environment_ = &ref.environment();
        return ref;
    }
    Result<PeerRef> parse(abi::PeerId*) {
        auto ref = TRY(PeerRef::parse(caller_, word(), locked_environment_));
        locked_environment_ = &ref.environment();
        return ref;
    }
    Result<std::uint64_t> parse(std::uint64_t*) { return word(); }
    Result<PageSpan> parse(abi::PageRange*) {
        auto const address = word();
        return parse_span_of(*space_, address, word());
    }
    Result<UserPage> parse(abi::PageAddress*) {
        return TRY(parse_span_of(*space_, word(), 1)).first;
    }
    Result<SpaceForm> parse(abi::SpaceOptions*) { return SpaceForm::parse(word()); }
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
    Result<UserMaybe<T>> parse(abi::OptionalIn<T>*) {
        auto const address = word();
        return UserMaybe<T>{address != 0, TRY(UserBytes::parse(address, sizeof(T), own_top()))};
    }
    Result<UserWord> parse(abi::WordAddress*) { return UserWord::parse(word(), own_top()); }
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
