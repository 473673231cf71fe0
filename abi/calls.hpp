// THE system-call table. Each call is declared here and nowhere else; stubs, decoding, dispatch,
// trace names and docs/calls.md follow from it.
#pragma once

#include "abi/call.hpp"
#include "abi/upcall.hpp"

namespace quarry::abi {

inline constexpr std::size_t console_write_bytes = 512;  // the most that one call takes

struct ConsoleWrite
    : Call<"console_write", 0x00, Parameters<Parameter<"text", InBuffer>>, std::uint64_t,
           Errors<Error::bad_buffer>,
           "Writes at most 512 bytes to the console and returns how many. Stubs loop."> {};

struct ConsoleRead
    : Call<"console_read", 0x01,
           Parameters<Parameter<"to", OutBuffer>, Parameter<"deadline", std::uint64_t>>,
           std::uint64_t,
           Errors<Error::bad_buffer, Error::again, Error::timed_out, Error::interrupted>,
           "Reads what has been typed, at most the buffer's size, and returns how many bytes. With "
           "nothing typed the caller blocks until a key comes and then gets `again`. A deadline in "
           "the past means: only what is there."> {};

struct EnvSelf
    : Call<"env_self", 0x02, Parameters<>, EnvId, Errors<>,
           "The caller's environment id. Does nothing else: the null call of benchmarks."> {};

struct SpaceSelf
    : Call<"space_self", 0x03, Parameters<>, SpaceId, Errors<>, "The id of the caller's space."> {};

struct SpaceCreate
    : Call<
          "space_create", 0x04,
          Parameters<Parameter<"account_pages", std::uint64_t>, Parameter<"options", SpaceOptions>,
                     Parameter<"name", InBuffer>>,
          SpaceId,
          Errors<Error::bad_argument, Error::bad_buffer, Error::out_of_frames,
                 Error::out_of_account, Error::out_of_slots>,
          "Creates an empty space that the caller's space has the right over. With 0 it shares the "
          "caller's account; otherwise it gets its own, with that many pages split from the "
          "caller's. Charges two pages to the new space's account, one more for `views`. Options: "
          "views, self_map, jos (abi/view.hpp). Diagnostics call it `name`, of which the first 64 "
          "bytes count."> {};

struct SpaceDestroy
    : Call<"space_destroy", 0x05, Parameters<Parameter<"space", EndingSpaceId>>, void,
           Errors<Error::not_found, Error::not_allowed, Error::again>,
           "Ends a space, its environments and their records, and gives its memory back in bounded "
           "steps: `again` until all is returned. Spaces it created pass to its creator. If it was "
           "created with an account of its own, nothing more can be charged to that. A space "
           "cannot destroy itself with this (`not_allowed`): its environments exit."> {};

struct EnvCreate
    : Call<"env_create", 0x06,
           Parameters<Parameter<"space", SpaceId>, Parameter<"entry", UserAddress>,
                      Parameter<"stack", UserAddress>, Parameter<"argument", std::uint64_t>>,
           EnvId,
           Errors<Error::not_found, Error::not_allowed, Error::bad_address, Error::out_of_frames,
                  Error::out_of_account, Error::out_of_slots, Error::ended>,
           "Creates a stopped environment that will start at `entry` with RSP `stack` and RDI "
           "`argument`, all other registers zero. Charges one page to the space's account."> {};

struct EnvSetFrame
    : Call<"env_set_frame", 0x07,
           Parameters<Parameter<"env", EnvId>, Parameter<"frame", In<Frame>>>, void,
           Errors<Error::not_found, Error::not_allowed, Error::not_stopped, Error::bad_buffer,
                  Error::bad_address, Error::ended>,
           "Sets the registers of a stopped environment. RIP, RSP, FS and GS bases must be user "
           "addresses; of RFLAGS the arithmetic flags and DF are taken; CS and SS are forced."> {};

struct EnvStart
    : Call<"env_start", 0x08, Parameters<Parameter<"env", EnvId>>, void,
           Errors<Error::not_found, Error::not_allowed, Error::ended>,
           "Makes a stopped environment runnable; one that is not stopped stays as it is."> {};

struct EnvStop : Call<"env_stop", 0x09, Parameters<Parameter<"env", EnvId>>, void,
                      Errors<Error::not_found, Error::not_allowed, Error::ended>,
                      "Stops an environment; its blocking call, if any, ends. Stopping oneself "
                      "gives the processor "
                      "up until another environment starts the caller again."> {};

struct EnvDestroy : Call<"env_destroy", 0x0a, Parameters<Parameter<"env", EnvId>>, void,
                         Errors<Error::not_found, Error::not_allowed>,
                         "Ends an environment, or reaps the record of one that has ended. "
                         "Destroying oneself does not "
                         "return and leaves the record to the creator."> {};

struct EnvGetStatus
    : Call<"env_status", 0x0b, Parameters<Parameter<"env", EnvId>, Parameter<"to", Out<EnvStatus>>>,
           void, Errors<Error::not_found, Error::not_allowed, Error::bad_buffer>,
           "Says what an environment is doing, or how it ended."> {};

struct Exit
    : Call<"exit", 0x0c, Parameters<Parameter<"status", std::uint64_t>>, void, Errors<>,
           "Ends the caller with a status of which the low 32 bits count. Does not return. The "
           "last environment of a space ends the space and gives its memory back."> {};

struct EnvWait
    : Call<"env_wait", 0x0d,
           Parameters<Parameter<"env", EnvId>, Parameter<"deadline", std::uint64_t>>, void,
           Errors<Error::not_found, Error::not_allowed, Error::timed_out, Error::interrupted,
                  Error::bad_argument>,
           "Blocks until the environment has ended; env_status then says how. A deadline is in "
           "nanoseconds of `clock`; 0: none. Pending interrupt bits end the wait."> {};

struct EnvSetUpcall
    : Call<"env_set_upcall", 0x0e,
           Parameters<Parameter<"env", EnvId>, Parameter<"upcall", In<Upcall>>>, std::uint64_t,
           Errors<Error::not_found, Error::not_allowed, Error::bad_buffer, Error::bad_address,
                  Error::bad_argument, Error::ended, Error::not_stopped, Error::out_of_frames,
                  Error::out_of_account>,
           "Says where the environment, the caller's or one that does not run, takes upcalls, and "
           "returns the address of its control page "
           "(abi/upcall.hpp), which it gets with its first entry. Charges that page and the tables "
           "it needs."> {};

struct EnvNotify
    : Call<"env_notify", 0x0f,
           Parameters<Parameter<"env", EnvId>, Parameter<"to", EnvId>,
                      Parameter<"bits", std::uint64_t>>,
           void, Errors<Error::not_found, Error::not_allowed, Error::ended>,
           "When the environment ends, these interrupt bits are posted to the other one."> {};

struct PageAlloc : Call<"page_alloc", 0x10,
                        Parameters<Parameter<"space", PagesSpaceId>, Parameter<"range", PageRange>,
                                   Parameter<"mode", AllocMode>>,
                        void,
                        Errors<Error::not_found, Error::not_allowed, Error::ended,
                               Error::bad_address, Error::bad_range, Error::bad_permission,
                               Error::bad_argument, Error::already_mapped, Error::huge_page,
                               Error::out_of_frames, Error::out_of_account>,
                        "Maps zeroed frames over the range, replacing what was mapped there. The "
                        "`may` bits are as "
                        "asked; write implies may_write, execute may_execute. With `huge` the "
                        "range is one aligned "
                        "2 MiB frame. Options: if_absent, huge."> {};

struct PageMap : Call<"page_map", 0x11,
                      Parameters<Parameter<"from_space", PagesSpaceId>,
                                 Parameter<"from", PageRange>, Parameter<"to_space", PagesSpaceId>,
                                 Parameter<"to", PageAddress>, Parameter<"mode", MapMode>>,
                      void,
                      Errors<Error::not_found, Error::not_allowed, Error::lent, Error::ended,
                             Error::bad_address, Error::bad_range, Error::bad_permission,
                             Error::bad_argument, Error::not_mapped, Error::already_mapped,
                             Error::huge_page, Error::out_of_frames, Error::out_of_account>,
                      "Maps the frames of one range at another place too, replacing what was "
                      "mapped there. Write "
                      "and execute only where the source may; the `may` bits are the source's "
                      "narrowed to those "
                      "asked. Every page of the source must be mapped. With lend, only into "
                      "another space, the new mapping "
                      "is lent: for that space and all others there is nothing to do with it but "
                      "unmapping and replacing it. Options: if_absent, lend."> {};

struct PageMove
    : Call<
          "page_move", 0x12,
          Parameters<Parameter<"from_space", PagesSpaceId>, Parameter<"from", PageRange>,
                     Parameter<"to_space", PagesSpaceId>, Parameter<"to", PageAddress>,
                     Parameter<"mode", MoveMode>>,
          void,
          Errors<Error::not_found, Error::not_allowed, Error::lent, Error::ended,
                 Error::bad_address, Error::bad_range, Error::bad_argument, Error::not_mapped,
                 Error::already_mapped, Error::huge_page, Error::out_of_frames,
                 Error::out_of_account>,
          "Moves mappings to another place, replacing what was mapped there; the source range ends "
          "unmapped. `mode` is a mask: each page keeps those of its rights and `may` bits that are "
          "in "
          "it, and its tag. Options: if_absent."> {};

struct PageProtect
    : Call<"page_protect", 0x13,
           Parameters<Parameter<"space", PagesSpaceId>, Parameter<"range", PageRange>,
                      Parameter<"mode", ProtectMode>>,
           void,
           Errors<Error::not_found, Error::not_allowed, Error::lent, Error::ended,
                  Error::bad_address, Error::bad_range, Error::bad_permission, Error::bad_argument,
                  Error::not_mapped, Error::not_sole, Error::huge_page>,
           "Changes the rights of mapped pages. A right is added only where its `may` bit is set, "
           "or "
           "with if_sole where the mapping is the frame's only reference (which sets the bit). "
           "`may` "
           "bits not asked for are dropped, except the ones that the rights themselves imply. "
           "Options: if_sole."> {};

struct PageUnmap
    : Call<"page_unmap", 0x14,
           Parameters<Parameter<"space", PagesSpaceId>, Parameter<"range", PageRange>>, void,
           Errors<Error::not_found, Error::not_allowed, Error::ended, Error::bad_address,
                  Error::bad_range, Error::huge_page>,
           "Unmaps the range and gives back the frames that nobody else has. Pages that are not "
           "mapped "
           "are passed over."> {};

struct PageSplit
    : Call<"page_split", 0x15,
           Parameters<Parameter<"space", PagesSpaceId>, Parameter<"at", PageAddress>>, void,
           Errors<Error::not_found, Error::not_allowed, Error::lent, Error::bad_address,
                  Error::not_mapped, Error::bad_argument, Error::not_sole, Error::out_of_frames,
                  Error::out_of_account>,
           "Makes a 2 MiB mapping, if it is its frame's only reference, 512 mappings of 4 KiB with "
           "the "
           "same rights."> {};

struct PageShare
    : Call<"page_share", 0x16,
           Parameters<Parameter<"from_space", PagesSpaceId>, Parameter<"from", PageRange>,
                      Parameter<"to_space", PagesSpaceId>, Parameter<"to", PageAddress>,
                      Parameter<"mode", ShareMode>>,
           void,
           Errors<Error::not_found, Error::not_allowed, Error::ended, Error::bad_address,
                  Error::bad_range, Error::bad_permission, Error::bad_argument,
                  Error::already_mapped, Error::huge_page, Error::out_of_frames,
                  Error::out_of_account>,
           "Maps what is mapped in a range at another place too, where nothing may be mapped yet, "
           "each page with its "
           "own rights and tag. Pages that have rights or `may` bits outside `keep` lose them at "
           "both "
           "places and get the tag "
           "`mark` there, unless their own tag has a bit of `spare`. Pages that are not mapped, or "
           "lent, are passed over."> {};

struct Yield : Call<"yield", 0x18, Parameters<>, void, Errors<>,
                    "Lets the other runnable environments go first."> {};

struct Clock : Call<"clock", 0x19, Parameters<>, std::uint64_t, Errors<>,
                    "Nanoseconds since the machine started; never goes back."> {};

struct AccountGetStatus
    : Call<"account_status", 0x1a,
           Parameters<Parameter<"space", SpaceId>, Parameter<"to", Out<AccountStatus>>>, void,
           Errors<Error::not_found, Error::not_allowed, Error::bad_buffer>,
           "Limit and use of the account that a space's pages are charged to."> {};

struct EnvInterrupt
    : Call<"env_interrupt", 0x1b,
           Parameters<Parameter<"env", EnvId>, Parameter<"bits", std::uint64_t>>, void,
           Errors<Error::not_found, Error::not_allowed, Error::ended>,
           "Posts interrupt bits. At its next instruction the environment takes an upcall with "
           "those that its control page's mask does not defer; a blocking call that allows it "
           "ends with `interrupted`."> {};

struct InterruptWait
    : Call<"interrupt_wait", 0x1c,
           Parameters<Parameter<"bits", std::uint64_t>, Parameter<"deadline", std::uint64_t>>,
           std::uint64_t, Errors<Error::timed_out, Error::interrupted, Error::again>,
           "Takes those of the caller's pending interrupt bits that are asked for and returns them "
           "(without the highest bit). With none pending it blocks until one comes and then gets "
           "`interrupted`: call again."> {};

struct Sleep : Call<"sleep", 0x1d, Parameters<Parameter<"deadline", std::uint64_t>>, void,
                    Errors<Error::timed_out, Error::interrupted>,
                    "Blocks until the deadline, in nanoseconds of `clock`, has passed "
                    "(`timed_out`) or an interrupt bit is pending."> {};

struct YieldTo
    : Call<"yield_to", 0x1e, Parameters<Parameter<"env", PeerId>>, void, Errors<Error::not_found>,
           "Lets this environment run next on the caller's processor, if it is runnable. Of the "
           "caller's registers only RSP is kept."> {};

struct WordWait
    : Call<"word_wait", 0x1f,
           Parameters<Parameter<"word", WordAddress>, Parameter<"expected", std::uint64_t>,
                      Parameter<"scope", std::uint64_t>, Parameter<"deadline", std::uint64_t>>,
           void,
           Errors<Error::bad_address, Error::bad_buffer, Error::bad_argument, Error::changed,
                  Error::not_mapped, Error::timed_out, Error::interrupted>,
           "Blocks until word_wake, unless the word is not what the caller expects. Scope 0: the "
           "address in the caller's space; 1: the memory itself, for whoever maps it."> {};

struct WordWake
    : Call<"word_wake", 0x20,
           Parameters<Parameter<"word", WordAddress>, Parameter<"count", std::uint64_t>,
                      Parameter<"scope", std::uint64_t>>,
           std::uint64_t, Errors<Error::bad_address, Error::bad_argument, Error::not_mapped>,
           "Wakes at most so many of those that wait for the word; returns how many."> {};

struct WindowGrant
    : Call<"window_grant", 0x25,
           Parameters<Parameter<"space", SpaceId>, Parameter<"range", WindowRange>,
                      Parameter<"holder", PeerSpaceId>>,
           void,
           Errors<Error::not_found, Error::not_allowed, Error::ended, Error::bad_address,
                  Error::bad_range, Error::bad_argument, Error::out_of_slots>,
           "Lets another space make page calls in this range of `space`, until window_revoke. What "
           "it "
           "maps there is charged to `space`. A space has room for 32 windows."> {};

struct WindowRevoke
    : Call<
          "window_revoke", 0x26,
          Parameters<Parameter<"space", SpaceId>, Parameter<"holder", PeerSpaceId>>, void,
          Errors<Error::not_found, Error::not_allowed>,
          "Takes back every window of `space` that the holder has. Its page calls there have ended "
          "when this returns; what it mapped stays."> {};

struct SpaceNextChild
    : Call<"space_next_child", 0x27, Parameters<Parameter<"after", PeerSpaceId>>, SpaceId,
           Errors<Error::not_found>,
           "Names the spaces that the caller's space has the right over, those it inherited "
           "included: the one with the least id above `after`. not_found: there is no more."> {};

struct IpcCall
    : Call<"ipc_call", 0x21,
           Parameters<Parameter<"to", PeerId>, Parameter<"word0", std::uint64_t>,
                      Parameter<"word1", std::uint64_t>, Parameter<"word2", std::uint64_t>,
                      Parameter<"word3", std::uint64_t>,
                      Parameter<"options", OptionalIn<IpcOptions>>>,
           Message,
           Errors<Error::not_found, Error::ended, Error::bad_argument, Error::bad_buffer,
                  Error::timed_out, Error::interrupted, Error::bad_address, Error::bad_range,
                  Error::bad_permission, Error::not_mapped, Error::huge_page, Error::out_of_frames,
                  Error::out_of_account, Error::lent>,
           "Sends a message and waits for the receiver's reply. If the receiver waits for one it "
           "runs at once. Of the caller's registers only RSP is kept; the reply comes in "
           "registers: sender in RDI, words in RSI, RDX, R10, R8, pages in R9. Errors of the "
           "page transfer are the sender's."> {};

struct IpcSend
    : Call<"ipc_send", 0x22,
           Parameters<Parameter<"to", PeerId>, Parameter<"word0", std::uint64_t>,
                      Parameter<"word1", std::uint64_t>, Parameter<"word2", std::uint64_t>,
                      Parameter<"word3", std::uint64_t>,
                      Parameter<"options", OptionalIn<IpcOptions>>>,
           void,
           Errors<Error::not_found, Error::ended, Error::bad_argument, Error::bad_buffer,
                  Error::timed_out, Error::interrupted, Error::bad_address, Error::bad_range,
                  Error::bad_permission, Error::not_mapped, Error::huge_page, Error::out_of_frames,
                  Error::out_of_account, Error::lent>,
           "Sends a message; returns when the receiver has it. A deadline in the past means: only "
           "if it waits now."> {};

struct IpcReceive
    : Call<"ipc_receive", 0x23, Parameters<Parameter<"options", OptionalIn<IpcOptions>>>, Message,
           Errors<Error::not_found, Error::ended, Error::bad_argument, Error::bad_buffer,
                  Error::timed_out, Error::interrupted>,
           "Takes the next message from anyone, or from the one that the options name."> {};

struct IpcReplyReceive
    : Call<"ipc_reply_receive", 0x24,
           Parameters<Parameter<"to", PeerId>, Parameter<"word0", std::uint64_t>,
                      Parameter<"word1", std::uint64_t>, Parameter<"word2", std::uint64_t>,
                      Parameter<"word3", std::uint64_t>,
                      Parameter<"options", OptionalIn<IpcOptions>>>,
           Message,
           Errors<Error::not_found, Error::not_waiting, Error::ended, Error::bad_argument,
                  Error::bad_buffer, Error::timed_out, Error::interrupted, Error::bad_address,
                  Error::bad_range, Error::bad_permission, Error::not_mapped, Error::huge_page,
                  Error::out_of_frames, Error::out_of_account, Error::lent>,
           "Answers an environment that is in ipc_call to the caller, never waiting for it, then "
           "takes the next message as ipc_receive does. With an error nothing was received."> {};

template <typename... Calls>
struct Table {
    template <typename Visitor>
    static constexpr void each(Visitor visitor) {
        (visitor.template operator()<Calls>(), ...);
    }
};

using AllCalls =
    Table<ConsoleWrite, ConsoleRead, EnvSelf, SpaceSelf, SpaceCreate, SpaceDestroy, EnvCreate,
          EnvSetFrame, EnvStart, EnvStop, EnvDestroy, EnvGetStatus, Exit, PageAlloc, PageMap,
          PageMove, PageProtect, PageUnmap, PageSplit, PageShare, Yield, Clock, AccountGetStatus,
          EnvWait, EnvSetUpcall, EnvNotify, EnvInterrupt, InterruptWait, Sleep, YieldTo, WordWait,
          WordWake, IpcCall, IpcSend, IpcReceive, IpcReplyReceive, WindowGrant, WindowRevoke,
          SpaceNextChild>;

inline constexpr std::uint64_t call_table_slots = 0x40;

// No two calls share a slot, and all are in the table.
static_assert([] {
    std::uint64_t taken = 0;
    bool distinct = true;
    AllCalls::each([&]<typename Call>() {
        distinct = distinct && Call::index < call_table_slots && (taken >> Call::index & 1) == 0;
        taken |= std::uint64_t{1} << Call::index;
    });
    return distinct;
}());

// The numbers are frozen; docs/calls.md, compared by a test, freezes the rest.
static_assert(ConsoleWrite::number == 0x8000'0000 && Exit::number == 0x8000'000c);
static_assert(PageAlloc::number == 0x8000'0010 && PageSplit::number == 0x8000'0015 &&
              PageShare::number == 0x8000'0016);
static_assert(AccountGetStatus::number == 0x8000'001a);

}  // namespace quarry::abi
