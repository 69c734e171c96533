// Writing a chunk's part of .symtab, an extent each for locals, for globals that are made local and for the other
// globals, and of .strtab.
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
  // A symbol of the output. Its section is `index` where that is not 0, else what st_shndx says.
  struct OutputSymbol {
    Elf64_Sym sym;
    u32 index = 0;
  };
  // Symbols of one kind: entries of .symtab, and of .symtab_shndx where there is one.
  struct Part {
    Stream symbols, indices;
  };

  // Turns an input symbol, a global one, into one of the output.
  void place(const FileView &file, u32 i, OutputSymbol &out);
  void place_global(const FileView &file, u32 i, OutputSymbol &out);
  void place_ifunc(SymbolId s, OutputSymbol &out);
  void open(Part &part, u32 first);
  void add_file(Part &part, const Name &name);
  void add(Part &part, OutputSymbol out, const Name &name);

  const Tables &t_;
  Output &output_;
  Part locals_, hidden_, globals_;
  Stream strings_;
  u64 string_begin_ = 0;
};

} // namespace spore
