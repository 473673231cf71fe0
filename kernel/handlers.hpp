// One handler a native call, chosen by its declaration. Parameters are parsed; a handler resolves,
// builds, commits.
#pragma once

#include "kernel/decode.hpp"

namespace quarry {

template <typename Call>
struct Tag {};

Result<std::uint64_t> handle(Tag<abi::ConsoleWrite>, Caller&, UserSource text);
Result<std::uint64_t> handle(Tag<abi::ConsoleRead>, Caller&, UserTarget to, std::uint64_t deadline);
Result<abi::EnvId> handle(Tag<abi::EnvSelf>, Caller&);
Result<abi::SpaceId> handle(Tag<abi::SpaceSelf>, Caller&);
Result<abi::SpaceId> handle(Tag<abi::SpaceCreate>, Caller&, std::uint64_t account_pages,
                            SpaceForm form, UserSource name);
Result<void> handle(Tag<abi::SpaceDestroy>, Caller&, UserSpaceId space);
Result<void> handle(Tag<abi::WindowGrant>, Caller&, SpaceRef space, PageSpan range,
                    UserSpaceId holder);
Result<void> handle(Tag<abi::WindowRevoke>, Caller&, SpaceRef space, UserSpaceId holder);
Result<abi::SpaceId> handle(Tag<abi::SpaceNextChild>, Caller&, UserSpaceId after);
Result<abi::EnvId> handle(Tag<abi::EnvCreate>, Caller&, SpaceRef space, UserAddr entry,
                          UserAddr stack, std::uint64_t argument);
Result<void> handle(Tag<abi::EnvSetFrame>, Caller&, EnvRef env, UserIn<abi::Frame> frame);
Result<void> handle(Tag<abi::EnvStart>, Caller&, EnvRef env);
Result<void> handle(Tag<abi::EnvStop>, Caller&, EnvRef env);
Result<void> handle(Tag<abi::EnvDestroy>, Caller&, EnvRef env);
Result<void> handle(Tag<abi::EnvGetStatus>, Caller&, EnvRef env, UserOut<abi::EnvStatus> to);
Result<void> handle(Tag<abi::Exit>, Caller&, std::uint64_t status);
Result<void> handle(Tag<abi::PageAlloc>, Caller&, PagesRef space, PageSpan span, PageMode mode);
Result<void> handle(Tag<abi::PageMap>, Caller&, PagesRef from, PageSpan source, PagesRef to,
                    UserPage at, PageMode mode);
Result<void> handle(Tag<abi::PageMove>, Caller&, PagesRef from, PageSpan source, PagesRef to,
                    UserPage at, PageMode mode);
Result<void> handle(Tag<abi::PageProtect>, Caller&, PagesRef space, PageSpan span, PageMode mode);
Result<void> handle(Tag<abi::PageUnmap>, Caller&, PagesRef space, PageSpan span);
Result<void> handle(Tag<abi::PageShare>, Caller&, PagesRef from, PageSpan source, PagesRef to,
                    UserPage at, ShareRule rule);
Result<void> handle(Tag<abi::PageSplit>, Caller&, PagesRef space, UserPage at);
Result<void> handle(Tag<abi::Yield>, Caller&);
Result<std::uint64_t> handle(Tag<abi::Clock>, Caller&);
Result<void> handle(Tag<abi::AccountGetStatus>, Caller&, SpaceRef space,
                    UserOut<abi::AccountStatus> to);

Result<void> handle(Tag<abi::EnvWait>, Caller&, EnvRef env, std::uint64_t deadline);
Result<std::uint64_t> handle(Tag<abi::EnvSetUpcall>, Caller&, EnvRef env,
                             UserIn<abi::Upcall> upcall);
Result<void> handle(Tag<abi::EnvNotify>, Caller&, EnvRef env, EnvRef to, std::uint64_t bits);
Result<void> handle(Tag<abi::EnvInterrupt>, Caller&, EnvRef env, std::uint64_t bits);
Result<std::uint64_t> handle(Tag<abi::InterruptWait>, Caller&, std::uint64_t bits,
                             std::uint64_t deadline);
Result<void> handle(Tag<abi::Sleep>, Caller&, std::uint64_t deadline);
Result<void> handle(Tag<abi::YieldTo>, Caller&, PeerRef env);
Result<void> handle(Tag<abi::WordWait>, Caller&, UserWord word, std::uint64_t expected,
                    std::uint64_t scope, std::uint64_t deadline);
Result<std::uint64_t> handle(Tag<abi::WordWake>, Caller&, UserWord word, std::uint64_t count,
                             std::uint64_t scope);
Result<abi::Message> handle(Tag<abi::IpcCall>, Caller&, PeerRef to, std::uint64_t word0,
                            std::uint64_t word1, std::uint64_t word2, std::uint64_t word3,
                            UserMaybe<abi::IpcOptions> options);
Result<void> handle(Tag<abi::IpcSend>, Caller&, PeerRef to, std::uint64_t word0,
                    std::uint64_t word1, std::uint64_t word2, std::uint64_t word3,
                    UserMaybe<abi::IpcOptions> options);
Result<abi::Message> handle(Tag<abi::IpcReceive>, Caller&, UserMaybe<abi::IpcOptions> options);
Result<abi::Message> handle(Tag<abi::IpcReplyReceive>, Caller&, PeerRef to, std::uint64_t word0,
                            std::uint64_t word1, std::uint64_t word2, std::uint64_t word3,
                            UserMaybe<abi::IpcOptions> options);

}  // namespace quarry
