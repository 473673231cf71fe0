// The one function of <math.h> that the unordered containers call (load factors). Built with vector
// registers: a float is returned in one.
extern "C" float ceilf(float value) {
    // From 2^23 on a float has no fraction.
    if (!(value > -8388608.0f && value < 8388608.0f)) {
        return value;
    }
    auto const whole = static_cast<float>(static_cast<int>(value));
    return whole < value ? whole + 1 : whole;
}
