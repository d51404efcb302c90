// Dimensions of a tensor, without an allocation up to rank 6.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace triton_lite {

class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<std::int64_t> dims) : Shape(std::span<const std::int64_t>(dims.begin(), dims.size())) {}
  explicit Shape(std::span<const std::int64_t> dims) {
    for (std::int64_t dim : dims) {
      push_back(dim);
    }
  }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const std::int64_t* data() const { return size_ <= kInline ? inline_ : heap_.data(); }
  std::int64_t* data() { return size_ <= kInline ? inline_ : heap_.data(); }
  std::int64_t operator[](std::size_t i) const { return data()[i]; }
  std::int64_t& operator[](std::size_t i) { return data()[i]; }
  const std::int64_t* begin() const { return data(); }
  const std::int64_t* end() const { return data() + size_; }
  std::span<const std::int64_t> dims() const { return {data(), size_}; }

  void push_back(std::int64_t dim) {
    if (size_ < kInline) {
      inline_[size_] = dim;
    } else {
      if (size_ == kInline) {
        heap_.assign(inline_, inline_ + kInline);
      }
      heap_.push_back(dim);
    }
    ++size_;
  }

  void clear() {
    size_ = 0;
    heap_.clear();
  }

  // The same dimensions without the first `count`.
  Shape Without(std::size_t count) const { return Shape(dims().subspan(std::min(count, size_))); }

  friend bool operator==(const Shape& a, const Shape& b) { return std::ranges::equal(a.dims(), b.dims()); }

 private:
  static constexpr std::size_t kInline = 6;
  std::int64_t inline_[kInline] = {};
  std::size_t size_ = 0;
  std::vector<std::int64_t> heap_;  // All dimensions, once there are more than kInline.
};

// Product of the dimensions (1 for a scalar); nothing when a dimension is negative or the product
// does not fit into an int64.
std::optional<std::int64_t> ElementCount(const Shape& shape);

// Triton's way to print a shape: "[1,16]".
std::string ShapeText(const Shape& shape);

}  // namespace triton_lite
