// Writing a chunk's part of .symtab, locals in one extent and globals in another, and of .strtab.
#pragma once

#include "kernels/output.h"
#include "tables/file-view.h"

namespace spore {

// Of one job, chunk after chunk.
class SymtabWriter {
public:
  SymtabWriter(Job &job, Output &output) : t_(job.t), output_(output) {}

  void write(ChunkId chunk);

private:
  void write_file(FileId f);
  // Turns an input symbol, a global one, into one of the output.
  void place(const FileView &file, u32 i, Elf64_Sym &sym);
  void place_global(const FileView &file, u32 i, Elf64_Sym &sym);
  void add(Stream &stream, Elf64_Sym sym, const Name &name);

  const Tables &t_;
  Output &output_;
  Stream locals_, globals_, strings_;
  u64 string_begin_ = 0;
};

} // namespace spore
