// A doubly linked list whose links live in its elements: insertion allocates nothing and cannot
// fail. An element is in at most one list per link.
#pragma once

#include <cstddef>

namespace quarry {

template <typename T>
struct ListLink {
    T* next = nullptr;
    T* previous = nullptr;
    bool linked = false;
};

template <typename T, ListLink<T> T::* Link>
class IntrusiveList {
  public:
    constexpr IntrusiveList() = default;
    IntrusiveList(IntrusiveList const&) = delete;
    IntrusiveList& operator=(IntrusiveList const&) = delete;

    bool empty() const { return first_ == nullptr; }
    T* first() const { return first_; }
    T* after(T& element) const { return (element.*Link).next; }
    static bool contains_link(T const& element) { return (element.*Link).linked; }

    void push_back(T& element) {
        auto& link = element.*Link;
        link = {nullptr, last_, true};
        (last_ != nullptr ? (last_->*Link).next : first_) = &element;
        last_ = &element;
    }

    void push_front(T& element) {
        auto& link = element.*Link;
        link = {first_, nullptr, true};
        (first_ != nullptr ? (first_->*Link).previous : last_) = &element;
        first_ = &element;
    }

    // Before `place`, or at the end if that is null.
    void insert_before(T* place, T& element) {
        if (place == nullptr) {
            push_back(element);
        } else if (place == first_) {
            push_front(element);
        } else {
            auto* const before = (place->*Link).previous;
            element.*Link = {place, before, true};
            (before->*Link).next = &element;
            (place->*Link).previous = &element;
        }
    }

    // All elements of another list, which must find this one empty.
    void take_all(IntrusiveList& other) {
        first_ = other.first_;
        last_ = other.last_;
        other.first_ = nullptr;
        other.last_ = nullptr;
    }

    void remove(T& element) {
        auto& link = element.*Link;
        (link.previous != nullptr ? (link.previous->*Link).next : first_) = link.next;
        (link.next != nullptr ? (link.next->*Link).previous : last_) = link.previous;
        link = {};
    }

    T* pop_front() {
        T* const element = first_;
        if (element != nullptr) {
            remove(*element);
        }
        return element;
    }

  private:
    T* first_ = nullptr;
    T* last_ = nullptr;
};

}  // namespace quarry
