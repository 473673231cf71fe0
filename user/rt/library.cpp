// What libc++'s headers expect its library to have instantiated.
#include <string>
#include <vector>

template class std::basic_string<char>;
