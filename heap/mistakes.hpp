// What is reported of a program that made a mistake.
#pragma once

namespace slab {

// Of the pointer that is freed.
inline constexpr char const* not_ours = "free of a pointer that is not this heap's";
inline constexpr char const* into_the_middle = "free of a pointer into the middle of a block";
inline constexpr char const* double_free = "double free";
inline constexpr char const* no_block = "double free, or free of memory that no block has";
inline constexpr char const* not_in_use = "use of a pointer that is no block in use";
// Of what was said about it.
inline constexpr char const* wrong_size = "the size that delete was told is not the block's";
inline constexpr char const* wrong_alignment =
    "the alignment that delete was told is not the block's";
inline constexpr char const* wrong_origin =
    "malloc, new and new[] each want their own way of freeing";
// Of what was written.
inline constexpr char const* written_after_free = "a block was written to after it was freed";
inline constexpr char const* written_behind = "memory behind a block was written to";
inline constexpr char const* written_before = "memory before a block was written to";
inline constexpr char const* corrupted =
    "a free block was written to; the blocks behind it are lost";

}  // namespace slab
