// Counted references within the server, which has one thread that touches them.
#pragma once

#include <concepts>
#include <cstddef>
#include <utility>

namespace quarry::server {

class Counted {
  public:
    Counted() = default;
    Counted(Counted const&) = delete;
    Counted& operator=(Counted const&) = delete;
    virtual ~Counted() = default;

  private:
    template <typename T>
    friend class Ref;
    std::size_t references_ = 0;
};

template <typename T>
class Ref {
  public:
    Ref() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): a new object is its first reference's
    Ref(T* object) : object_(object) { take(); }
    Ref(Ref const& other) : object_(other.object_) { take(); }
    Ref(Ref&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
    template <typename U>
        requires std::derived_from<U, T>
    // NOLINTNEXTLINE(google-explicit-constructor): as pointers convert
    Ref(Ref<U> const& other) : object_(other.get()) {
        take();
    }
    Ref& operator=(Ref other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~Ref() {
        if (object_ != nullptr && --object_->Counted::references_ == 0) {
            delete object_;
        }
    }
    T* get() const { return object_; }
    T* operator->() const { return object_; }
    T& operator*() const { return *object_; }
    explicit operator bool() const { return object_ != nullptr; }
    friend bool operator==(Ref const& a, Ref const& b) { return a.object_ == b.object_; }

  private:
    void take() const {
        if (object_ != nullptr) {
            ++object_->Counted::references_;
        }
    }
    T* object_ = nullptr;
};

template <typename T, typename... Arguments>
Ref<T> make_ref(Arguments&&... arguments) {
    return Ref<T>{new T(std::forward<Arguments>(arguments)...)};
}

}  // namespace quarry::server
