// Open regular files, directories, and the devices under /dev.
#pragma once

#include "servers/linux/node.hpp"
#include "servers/linux/open_file.hpp"

#include <string>
#include <vector>

namespace quarry::server {

class RegularFile : public OpenFile {
  public:
    RegularFile(Ref<Node> node, std::uint32_t status) : OpenFile(status), node_(std::move(node)) {}
    std::int64_t read(Asker asker, std::span<std::byte> to,
                      std::optional<std::uint64_t> offset) override;
    std::int64_t write(Asker asker, std::span<std::byte const> from,
                       std::optional<std::uint64_t> offset) override;
    std::int64_t seek(std::int64_t offset, std::uint64_t whence) override;
    std::int64_t truncate(std::uint64_t bytes) override;
    Node* node() const override { return node_.get(); }
    void fill(struct stat& to) const override { node_->fill(to); }

  private:
    Ref<Node> node_;
    std::uint64_t offset_ = 0;
};

class DirectoryFile : public OpenFile {
  public:
    DirectoryFile(Ref<Node> node, std::uint32_t status)
        : OpenFile(status), node_(std::move(node)) {}
    std::int64_t read(Asker, std::span<std::byte>, std::optional<std::uint64_t>) override {
        return -EISDIR;
    }
    std::int64_t seek(std::int64_t offset, std::uint64_t whence) override;
    std::int64_t list(std::span<std::byte> to) override;
    Node* node() const override { return node_.get(); }
    void fill(struct stat& to) const override { node_->fill(to); }

  private:
    struct Entry {
        std::string name;
        std::uint64_t number;
        std::uint8_t type;
    };
    void collect();

    Ref<Node> node_;
    std::vector<Entry> entries_;  // as they were when listing began
    std::size_t position_ = 0;
    bool collected_ = false;
};

// What O_PATH opens, and what is nothing else: a place in the file system.
class PathFile : public OpenFile {
  public:
    PathFile(Ref<Node> node, std::uint32_t status) : OpenFile(status), node_(std::move(node)) {}
    Node* node() const override { return node_.get(); }
    void fill(struct stat& to) const override { node_->fill(to); }

  private:
    Ref<Node> node_;
};

class DeviceFile : public OpenFile {
  public:
    DeviceFile(Ref<Node> node, std::uint32_t status) : OpenFile(status), node_(std::move(node)) {}
    std::int64_t read(Asker asker, std::span<std::byte> to,
                      std::optional<std::uint64_t> offset) override;
    std::int64_t write(Asker asker, std::span<std::byte const> from,
                       std::optional<std::uint64_t> offset) override;
    std::int64_t seek(std::int64_t, std::uint64_t) override { return 0; }
    Node* node() const override { return node_.get(); }
    void fill(struct stat& to) const override { node_->fill(to); }

  private:
    Ref<Node> node_;
};

// A name in the form of getdents64; false if there is no room.
bool put_entry(std::span<std::byte>& to, std::uint64_t number, std::uint64_t next,
               std::uint8_t type, std::string_view name);
std::uint8_t entry_type(Node const& node);

}  // namespace quarry::server
