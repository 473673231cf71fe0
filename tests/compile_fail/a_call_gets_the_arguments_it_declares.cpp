// The parameters of a call are its declaration.
// refused: no matching function|too few arguments
#include "abi/calls.hpp"

using namespace quarry::abi;

template <typename Call, typename... Args>
constexpr bool takes = std::is_same_v<typename Call::Arguments::Types, std::tuple<Args...>>;

template <typename Call, typename... Args>
    requires takes<Call, Args...>
void call(Args...) {}

void use(PagesSpaceId space, PageRange range) {
#ifdef MISUSE
    call<PageUnmap>(range, space);
#else
    call<PageUnmap>(space, range);
#endif
}
