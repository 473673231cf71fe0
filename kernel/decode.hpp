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

// A space the caller may act on, locked: its own, or one that its space created. Two that are one
// space share a lock.
class SpaceRef {
  public:
    // `other` is the space a call names before this one: its lock is held already, so that the
    // second one is only tried.
    static Result<SpaceRef> parse(Caller const& caller, std::uint64_t id, Space* other) {
        auto ref = TRY(find(caller, id, other));
        if (!ref.is_callers(caller)) {
            return Error::not_allowed;
        }
        return ref;
    }
    Space& space() const { return *space_; }
    Mapped mapped() const { return space_->mapped(); }

    // Whether the caller has the right over all of it.
    bool is_callers(Caller const& caller) const {
        return space_ == &caller.space || space_->creator_id == caller.space.id.value;
    }

  protected:
    SpaceRef(Space& space, HeldLock lock) : space_(&space), lock_(std::move(lock)) {}

    // Any space, locked. `other` as above.
    static Result<SpaceRef> find(Caller const& caller, std::uint64_t id, Space* other) {
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
        return SpaceRef{*found.object, std::move(found.lock)};
    }

  private:
    Space* space_;
    HeldLock lock_;
};

// A space whose pages the caller may act on, locked: all of them, or those in its windows.
class PagesRef : public SpaceRef {
  public:
    static Result<PagesRef> parse(Caller const& caller, std::uint64_t id, Space* other) {
        auto ref = TRY(find(caller, id, other));
        auto const holder = ref.is_callers(caller) ? everything : caller.space.id.value;
        if (holder != everything && !ref.space().windows.has_any(holder)) {
            return Error::not_allowed;
        }
        return PagesRef{std::move(ref), holder};
    }
    Result<PageSpan> span(std::uint64_t address, std::uint64_t pages) const {
        auto const span = TRY(parse_span_of(space(), address, pages));
        if (holder_ != everything && !space().windows.allow(holder_, span)) {
            return Error::not_allowed;
        }
        return span;
    }

  private:
    static constexpr std::uint64_t everything = 0;
    PagesRef(SpaceRef ref, std::uint64_t holder) : SpaceRef(std::move(ref)), holder_(holder) {}
    std::uint64_t holder_;  // of windows
};

// A space by name alone: for calls that cannot have it locked or have no right over it.
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

// A window may be larger than what one call takes.
inline Result<PageSpan> parse_window_of(Space const& space, std::uint64_t address,
                                        std::uint64_t pages) {
    auto const first = TRY(parse_user_page(address, space.user_top()));
    if (pages == 0) {
        return Error::bad_range;
    }
    auto const limit = *user_limit(first.start(), space.user_top());
    auto const most = (limit.raw() >> page_shift) - first.number();
    if (pages > most) {
        return Error::bad_address;
    }
    return PageSpan{first, pages};
}

// Permissions and options of a page call, parsed.
struct PageMode {
    PagePerms perms;
    IfAbsent if_absent;
    IfSole if_sole;
    FrameSize size;
    Lend lend;

    static Result<PageMode> parse(std::uint64_t word, std::uint64_t allowed_options) {
        abi::PageOptions const options{word >> 32};
        if ((options.bits & ~allowed_options) != 0) {
            return Error::bad_argument;
        }
        auto const perms = TRY(PagePerms::parse(word & 0xffff'ffff));
        return PageMode{perms, IfAbsent{options.has(abi::page_option::if_absent)},
                        IfSole{options.has(abi::page_option::if_sole)},
                        options.has(abi::page_option::huge) ? FrameSize::huge : FrameSize::page,
                        Lend{options.has(abi::page_option::lend)}};
    }
};

// Parses the parameters of one call. Page ranges are of the space named last before them.
class Decoder {
  public:
    Decoder(Caller const& caller, std::span<std::uint64_t const, abi::argument_registers> words)
        : caller_(caller), words_(words) {}

    // The next parameter. A range of pages is of the space named before it: `last`.
    template <typename Wire, typename Last>
    auto next(Last const& last) {
        auto* const wire = static_cast<Wire*>(nullptr);
        if constexpr (requires { parse(wire, last); }) {
            return parse(wire, last);
        } else {
            return parse(wire);
        }
    }

  private:
    std::uint64_t word() { return words_[used_++]; }
    UserAddr own_top() const { return caller_.space.user_top(); }

    Caller const& caller_;
    std::span<std::uint64_t const, abi::argument_registers> words_;
    std::size_t used_ = 0;
    Space* locked_space_ = nullptr;
    Environment* locked_environment_ = nullptr;

    Result<SpaceRef> parse(abi::SpaceId*) {
        auto ref = TRY(SpaceRef::parse(caller_, word(), locked_space_));
        locked_space_ = &ref.space();
        return ref;
    }
    Result<PagesRef> parse(abi::PagesSpaceId*) {
        auto ref = TRY(PagesRef::parse(caller_, word(), locked_space_));
        locked_space_ = &ref.space();
        return ref;
    }
    Result<UserSpaceId> parse(abi::PeerSpaceId*) { return UserSpaceId{{word()}}; }
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
    Result<PageSpan> parse(abi::PageRange*, PagesRef const& space) {
        auto const address = word();
        return space.span(address, word());
    }
    Result<UserPage> parse(abi::PageAddress*, PagesRef const& space) {
        return TRY(space.span(word(), 1)).first;
    }
    Result<PageSpan> parse(abi::WindowRange*, SpaceRef const& space) {
        auto const address = word();
        return parse_window_of(space.space(), address, word());
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
    Result<ShareRule> parse(abi::ShareMode*) { return ShareRule::parse(word()); }
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

}  // namespace quarry
