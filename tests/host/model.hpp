// A reference model of spaces, frames and accounts: maps and sets, nothing clever. It says what
// each call must return and how the world looks afterwards.
#pragma once

#include "abi/calls.hpp"
#include "kernel/page_perms.hpp"
#include "kernel/share_rule.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

namespace quarry::test {

struct ModelAccount {
    std::uint64_t limit = 0;
    std::shared_ptr<ModelAccount> parent;
    std::uint64_t split_off = 0;  // limits given to accounts split from this one
    std::uint64_t charged = 0;    // everything else
    bool closed = false;          // nothing more can be charged
    std::uint64_t used() const { return split_off + charged; }
    ~ModelAccount() {
        if (parent) {
            parent->split_off -= limit;
        }
    }
};

struct ModelFrame {
    ModelAccount* owner = nullptr;
    std::multiset<ModelAccount*> mappers;  // one entry a mapping
    std::uint64_t stamp = 0;               // what a program last wrote into it
    bool huge = false;
    std::uint64_t size() const { return huge ? 512 : 1; }
};
using FramePointer = std::shared_ptr<ModelFrame>;

struct ModelMapping {
    FramePointer frame;
    PagePerms perms;
    bool lent = false;
};

struct ModelSpace {
    std::shared_ptr<ModelAccount> account;
    bool owns_account = false;
    std::map<std::uint64_t, ModelMapping> mappings;  // by page number; a huge one by its first
    std::uint64_t tables() const;
    std::map<std::uint64_t, ModelMapping>::iterator covering(std::uint64_t page);
};

class Model {
  public:
    explicit Model(std::uint64_t free_frames) : free_frames_(free_frames) {}

    // Each returns the error that the kernel must return, or `none` and the change is made. With
    // `kernel_ran_out` the kernel said out_of_frames, which the model only checks for plausibility.
    Error alloc(ModelSpace&, std::uint64_t page, std::uint64_t count, PagePerms, bool huge,
                bool if_absent, bool kernel_ran_out);
    Error map(ModelSpace& from, std::uint64_t page, std::uint64_t count, ModelSpace& to,
              std::uint64_t at, PagePerms, bool if_absent, bool lend, bool kernel_ran_out);
    Error move(ModelSpace& from, std::uint64_t page, std::uint64_t count, ModelSpace& to,
               std::uint64_t at, PagePerms mask, bool if_absent, bool kernel_ran_out);
    Error protect(ModelSpace&, std::uint64_t page, std::uint64_t count, PagePerms, bool if_sole);
    Error unmap(ModelSpace&, std::uint64_t page, std::uint64_t count);
    Error share(ModelSpace& from, std::uint64_t page, std::uint64_t count, ModelSpace& to,
                std::uint64_t at, ShareRule, bool kernel_ran_out);
    Error split(ModelSpace&, std::uint64_t page, bool kernel_ran_out);

    // Charges for a space, its root table or an environment.
    Error charge_objects(ModelAccount&, std::uint64_t pages, bool kernel_ran_out);
    void free_objects(ModelAccount&, std::uint64_t pages);
    void end_space(ModelSpace&);

    std::uint64_t free_frames() const { return free_frames_; }

  private:
    enum class Form { pages, huge, error };
    Form form(ModelSpace&, std::uint64_t page, std::uint64_t count);
    Error check_target(ModelSpace&, std::uint64_t page, std::uint64_t count, bool if_absent);
    static std::uint64_t new_tables(ModelSpace&, std::uint64_t page, std::uint64_t count,
                                    bool huge);
    static std::uint64_t cost(ModelFrame const&, ModelAccount*);
    Error check_room(ModelAccount&, std::uint64_t charge, std::uint64_t frames, bool ran_out);
    void put(ModelSpace&, std::uint64_t page, ModelMapping);
    void drop(ModelSpace&, std::map<std::uint64_t, ModelMapping>::iterator);
    void add(ModelFrame&, ModelAccount*);
    void remove(ModelFrame&, ModelAccount*);
    void clear(ModelSpace&, std::uint64_t page, std::uint64_t count);
    template <typename Change>
    void with_tables(ModelSpace&, Change);

    std::uint64_t free_frames_;
};

}  // namespace quarry::test
