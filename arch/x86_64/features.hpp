// The processor features that Quarry cannot do without.
#pragma once

namespace quarry::x86 {

// Names every missing feature on the console and stops, or switches all of them on.
void require_features();

// Whether the direct map can use 1 GiB pages.
bool has_gigabyte_pages();

}  // namespace quarry::x86
