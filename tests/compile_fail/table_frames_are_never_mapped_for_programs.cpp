// A page-table frame cannot be put behind a mapping.
// refused: no viable conversion|no matching function|cannot convert
#include "machine/pte.hpp"

using namespace quarry;

machine::Pte entry(TableFrame table, UserFrame frame) {
#ifdef MISUSE
    return machine::Pte::leaf(table, PagePerms::of(abi::permission::write), false);
#else
    (void)machine::Pte::table(table);
    return machine::Pte::leaf(frame, PagePerms::of(abi::permission::write), false);
#endif
}
