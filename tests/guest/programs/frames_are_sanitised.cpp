// env_set_frame refuses addresses that are not the user's, and forces flags and segments.
#include "tests/guest/check.hpp"

int main() {
    using namespace quarry;
    using namespace quarry::test;
    auto const env = env_create(own_space, {0x400000}, {0x500000}, 0);
    check(env.has_value(), "env_create");
    abi::Frame frame{};
    frame.rflags = ~std::uint64_t{0};
    check(env_set_frame(*env, {&frame}).has_value(), "a plain frame");
    for (auto* field : {&frame.rip, &frame.rsp, &frame.fs_base, &frame.gs_base}) {
        *field = abi::canonical_limit;
        check_error(env_set_frame(*env, {&frame}), Error::bad_address, "not canonical");
        *field = 0xffff'ffff'8100'0000;
        check_error(env_set_frame(*env, {&frame}), Error::bad_address, "a kernel address");
        *field = 0;
    }
    check_error(env_set_frame(*env, {reinterpret_cast<abi::Frame*>(8)}), Error::bad_buffer,
                "a frame that cannot be read");
    check(env_destroy(*env).has_value() && env_destroy(*env).has_value(), "destroy and reap");
    return 0;
}
