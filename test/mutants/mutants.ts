/**
 * Small changes to the linker, each of which some test must notice. `npm run test:mutants` makes them one by one, in a
 * copy, and runs the tests that are named; a mutant that passes them is a test that is missing.
 */
export interface Mutant {
  readonly file: string;
  /** Occurs once in the file. */
  readonly find: string;
  readonly replace: string;
  /** Files of tests, one of which must fail. */
  readonly tests: readonly string[];
}

const link = (...names: string[]): string[] => names.map((name) => `test/link/${name}.test.ts`);

const decide = "native/kernels/decide.cc";
const target = "native/targets/x86-64.cc";

/** What relocations need and become. */
const relocations: readonly Mutant[] = [
  {
    file: decide,
    find: "if (ref.flags & Reference::Imported) return value(Value::Plt, Origin::Place, SymbolFlags::NEEDS_PLT);",
    replace: "",
    tests: link("shared-objects", "relocation-table"),
  },
  {
    file: decide,
    find: "return value(Value::Got, Origin::Place, SymbolFlags::NEEDS_GOT);",
    replace: "return value(Value::Got, Origin::GotBase, SymbolFlags::NEEDS_GOT);",
    tests: link("got-relaxation", "relocation-table"),
  },
  {
    file: decide,
    find: "Reference::Imported | Reference::Ifunc | Reference::Absolute | Reference::Weak | Reference::Far;",
    replace: "Reference::Imported | Reference::Absolute | Reference::Weak | Reference::Far;",
    tests: link("ifunc", "relocation-table"),
  },
  {
    file: "src/passes/spawn.ts",
    find: 'outputKind === "shared" || !(options.isRelax',
    replace: "!(options.isRelax",
    tests: link("thread-local-storage", "relocation-table"),
  },
  {
    file: decide,
    find: "return ref.flags & Reference::Imported ? TlsModel::InitialExec : TlsModel::LocalExec;",
    replace: "return TlsModel::LocalExec;",
    tests: link("thread-local-storage", "relocation-table"),
  },
  {
    file: decide,
    find: "if (ref.flags & Reference::Elsewhere) return refused(Code::RelocationNeedsPic); // who knows which module's",
    replace: "",
    tests: link("relocation-table"),
  },
  {
    file: decide,
    find: "return value(Value::Symbol, Origin::GotBase);\n}",
    replace: "return value(Value::Symbol, Origin::Place);\n}",
    tests: link("relocation-table"),
  },
  {
    file: decide,
    find: "case Expression::gotBase: return value(Value::GotBase, Origin::Place);",
    replace: "case Expression::gotBase: return value(Value::GotBase, Origin::Zero);",
    tests: link("relocation-table"),
  },
  {
    file: decide,
    find: "if (ref.flags & Reference::Discarded) return refused(Code::RelocationToDiscarded);",
    replace: "",
    tests: link("errors", "relocation-table"),
  },
  {
    file: decide,
    find: ".effect = output & OutputFlags::SHARED ? Effect::StaticTls : Effect::None};",
    replace: ".effect = Effect::None};",
    tests: link("thread-local-storage", "relocation-table"),
  },
  {
    file: target,
    find: "if (p[-1] == 0x15) { // call *slot(%rip) → addr32 call",
    replace: "if (p[-1] != 0x15) {",
    tests: link("got-relaxation", "relocation-table"),
  },
  {
    file: target,
    find: "put32(p - 1, static_cast<u64>(value + 1));",
    replace: "put32(p - 1, static_cast<u64>(value));",
    tests: link("got-relaxation", "relocation-table"),
  },
  {
    file: target,
    find: "put32(p + 8, static_cast<u64>(value - 12));",
    replace: "put32(p + 8, static_cast<u64>(value - 8));",
    tests: link("thread-local-storage"),
  },
  {
    file: target,
    find: "} else if (reg == 4) {",
    replace: "} else if (reg == 5) {",
    tests: link("relocation-table", "thread-local-storage"),
  },
  {
    file: target,
    find: "return is_checked ? entry : entry + 6;",
    replace: "return is_checked ? entry : entry;",
    tests: link("shared-objects", "executables"),
  },
  {
    file: "native/kernels/reference.h",
    find: "flags |= f & SymbolFlags::IMPORTED ? Reference::NamedIfunc : Reference::Ifunc;",
    replace: "flags |= f & SymbolFlags::IMPORTED ? 0 : Reference::Ifunc;",
    tests: link("ifunc"),
  },
  {
    file: decide,
    find: "  if (is_ordinary_definition(ref)) return refused(Code::TlsMismatch);",
    replace: "",
    tests: link("thread-local-storage"),
  },
];

/** Who defines a name. */
const claims: readonly Mutant[] = [
  {
    file: "native/kernels/claims.cc",
    find: "if (mention & MentionFlags::WEAK) return ClaimRank::WEAK;",
    replace: "",
    tests: link("weak-symbols", "errors"),
  },
  {
    file: "native/kernels/claims.cc",
    find: "if (is_common) return is_first ? ClaimRank::COMMON_TO_EXTRACT : ClaimRank::COMMON;",
    replace: "if (is_common) return ClaimRank::COMMON;",
    tests: link("common-symbols", "archives"),
  },
  {
    file: "native/kernels/claims.cc",
    find: "if (may_be_discarded && is_discarded(t, file, i)) continue;",
    replace: "",
    tests: link("cplusplus", "executables"),
  },
  {
    file: "native/kernels/groups.cc",
    find: "t.symbol.group.raise(signature, UINT32_MAX - raw(f));",
    replace: "t.symbol.group.raise(signature, raw(f) + 1);",
    tests: link("cplusplus", "executables"),
  },
  {
    file: "native/kernels/gather-symbols.cc",
    find: "if (!claim || Claim::rank(claim) != ClaimRank::STRONG || is_discarded(t_, file_, i)) return;",
    replace: "if (!claim || Claim::rank(claim) != ClaimRank::STRONG) return;",
    tests: link("cplusplus", "executables"),
  },
  {
    file: "native/kernels/gather-symbols.cc",
    find: "t_.symbol.common_size.raise(s, sym.st_size);",
    replace: "t_.symbol.common_size.raise(s, 1);",
    tests: link("common-symbols"),
  },
  {
    file: "native/kernels/gather-symbols.cc",
    find: "case STV_PROTECTED: return SymbolFlags::VISIBILITY_PROTECTED;",
    replace: "",
    tests: link("relro-and-binding", "shared-objects"),
  },
  {
    file: "native/kernels/bind-symbols.cc",
    find: "return flags & SymbolFlags::VISIBILITY_PROTECTED ? u32{STV_PROTECTED} : u32{STV_DEFAULT};",
    replace: "return u32{STV_DEFAULT};",
    tests: link("relro-and-binding", "shared-objects"),
  },
  {
    file: "native/kernels/bind-symbols.cc",
    find: "!(output_ & OutputFlags::BSYMBOLIC_UNLISTED && is_listed(sym));",
    replace: "true;",
    tests: link("symbolic-binding"),
  },
  {
    file: "native/kernels/unify.cc",
    find: "while (table[at].row_plus_1 != 0 && table[at].hash != hash) at = (at + 1) & (size - 1);",
    replace: "while (false) at = (at + 1) & (size - 1);",
    tests: link("executables", "cplusplus"),
  },
  {
    file: "native/kernels/claims.cc",
    find: "  if (is_function(sym)) return false;",
    replace: "",
    tests: link("common-symbols"),
  },
  {
    file: "native/kernels/claims.cc",
    find: "if (sym.binding() == STB_WEAK || is_function(sym)) continue;",
    replace: "",
    tests: link("common-symbols"),
  },
  {
    file: "native/tables/section-kinds.h",
    find: "return std::max(u64{sym.st_size}, t.symbol.common_size[s]);",
    replace: "return sym.st_size;",
    tests: link("common-symbols"),
  },
];

/** What is kept and merged. */
const contents: readonly Mutant[] = [
  {
    file: "native/kernels/mark.cc",
    find: "if (r.is_cie || frame.relas[k].r_offset != r.offset + u64{8})",
    replace: "if (false)",
    tests: link("gc-sections"),
  },
  {
    file: "native/kernels/gc-roots.h",
    find: "case SHT_PREINIT_ARRAY: return true;",
    replace: "case SHT_PREINIT_ARRAY: return false;",
    tests: link("gc-sections", "constructors"),
  },
  {
    file: "native/kernels/reverse-constructors.cc",
    find: "std::memcpy(copy_ + h.sh_offset + (words->size() - 1 - w) * word, &value, word);",
    replace: "std::memcpy(copy_ + h.sh_offset + w * word, &value, word);",
    tests: link("constructors"),
  },
  {
    file: "native/kernels/buckets.cc",
    find: "is_merged = !is_relocated(t_, file_, i) && ",
    replace: "is_merged = ",
    tests: link("merged-sections"),
  },
  {
    file: "native/kernels/buckets.cc",
    find: " && (!(h.sh_flags & SHF_STRINGS) || ends_with_terminator(file_, h))",
    replace: "",
    tests: link("merged-sections"),
  },
  {
    file: "native/kernels/gather-symbols.cc",
    find: " && a.st_value == b.st_value",
    replace: "",
    tests: link("errors"),
  },
  {
    file: "native/kernels/relr.h",
    find: "words.push_back(bitmap << 1 | 1);",
    replace: "words.push_back(bitmap << 1);",
    tests: link("relro-and-binding", "executables", "shared-objects"),
  },
  {
    file: "native/kernels/eh-frame-hdr.cc",
    find: "0x3b031b01, // version 1; encodings: pcrel sdata4, udata4, datarel sdata4",
    replace: "0x3b031b02,",
    tests: link("unwinding"),
  },
  {
    file: "src/passes/linker-object.ts",
    find: "|= SymbolFlags.ROOT;",
    replace: "|= 0;",
    tests: link("gc-sections"),
  },
];

/** Where things are. */
const layout: readonly Mutant[] = [
  {
    file: "src/output/place.ts",
    find: "address += (((offset - address) % alignment) + alignment) % alignment;",
    replace: "",
    tests: link("executables", "sections"),
  },
  {
    file: "src/output/place.ts",
    find: "if (isZero && section.flags & SHF_TLS) continue;",
    replace: "",
    tests: link("thread-local-storage"),
  },
  {
    file: "src/output/place.ts",
    find: "const own = section === threadLocal[0] ? threadLocalAlignment : section.alignment;",
    replace: "const own = section.alignment;",
    tests: link("thread-local-storage"),
  },
  {
    file: "src/output/arrange.ts",
    find: "const key = `${name}\\0${(flags & SHF_ALLOC) !== 0} ${(flags & SHF_TLS) !== 0}`;",
    replace: "const key = name;",
    tests: link("names-of-own-sections"),
  },
  {
    file: "src/output/arrange.ts",
    find: "return (section.flags & access) === (flags & access) && (type === section.type || type === SHT_NOBITS);",
    replace: "return true;",
    tests: link("names-of-own-sections"),
  },
  {
    file: "src/output/input-patterns.ts",
    find: "return pattern.reversedInto === undefined ? number : 65535 - number;",
    replace: "return number;",
    tests: link("constructors"),
  },
  {
    file: "src/output/default-plan.ts",
    find: "inputs(numbered(`${name}.`), { ...numbered(`${older}.`), reversedInto: type }),",
    replace: "inputs(family(`${name}.none`)),",
    tests: link("constructors"),
  },
  {
    file: "src/output/program-headers.ts",
    find: "memorySize: alignUp(segment.address + segment.memorySize, page) - segment.address",
    replace: "memorySize: segment.memorySize",
    tests: link("relro-and-binding"),
  },
  {
    file: "src/output/script/stated-segments.ts",
    find: "if (before.loadAddress - before.address !== after.loadAddress - after.address) return true;",
    replace: "",
    tests: link("linker-scripts"),
  },
  {
    file: "src/output/script/data-segment.ts",
    find: "return this.#decided === undefined ? second : alignUp(end, this.#pageSize) - first;",
    replace: "return second;",
    tests: link("linker-scripts"),
  },
  {
    file: "src/output/script/memory-regions.ts",
    find: "return alignAddress(load.current, load === region ? alignment : stated);",
    replace: "return alignAddress(load.current, alignment);",
    tests: link("generated-scripts"),
  },
  {
    file: "src/output/script/stated-layout.ts",
    find: "if (current === undefined) this.#regions.moveDefault(this.#dot); // as GNU ld: whatever is assigned",
    replace: "",
    tests: link("generated-scripts"),
  },
  {
    file: "src/script/evaluate.ts",
    find: "return this.#environment.current === undefined ? atAddress(value) : plain(value);",
    replace: "return plain(value);",
    tests: link("generated-scripts"),
  },
  {
    file: "native/kernels/name-rules.h",
    find: "if ((h.sh_flags & with) != with || h.sh_flags & without || !speaks_of(rule, f)) return false;",
    replace: "if ((h.sh_flags & with) != with || h.sh_flags & without) return false;",
    tests: link("linker-scripts"),
  },
  {
    file: "src/passes/publish.ts",
    find: "alignUp(tls.address + tls.memorySize, tls.alignment)",
    replace: "tls.address + tls.memorySize",
    tests: link("thread-local-storage"),
  },
  {
    file: "src/passes/layout.ts",
    find: "const begin = alignUp(end, 2 ** startAlignment[row]);",
    replace: "const begin = end;",
    tests: link("sections", "executables"),
  },
  {
    file: "src/output/symbol-values.ts",
    find: 'return section && within(section, section, bound[1] === "start");',
    replace: "return section && within(section, section, true);",
    tests: link("start-stop-symbols"),
  },
];

/** Versions and what the loader is told. */
const versions: readonly Mutant[] = [
  {
    file: "src/output/sections/version-requirements.ts",
    find: "view.setUint16(at + Elf64_Vernaux.vna_other, index, true);",
    replace: "view.setUint16(at + Elf64_Vernaux.vna_other, index + 1, true);",
    tests: link("versioned-references", "several-shared-objects", "shared-objects"),
  },
  {
    file: "src/output/sections/sysv-hash.ts",
    find: "hash = (hash ^ (top >>> 24)) & ~top;",
    replace: "hash = hash & ~top;",
    tests: link("versioned-references", "shared-objects", "hash-style"),
  },
  {
    file: "src/output/sections/dynamic.ts",
    find: "if (inputs.relativeCount > 0) add(elf.DT_RELACOUNT, inputs.relativeCount);",
    replace: "if (inputs.relativeCount > 0) add(elf.DT_RELACOUNT, inputs.relativeCount + 1);",
    tests: link("executables", "shared-objects"),
  },
  {
    file: "native/kernels/match-patterns.cc",
    find: "else if (found.exact == 0 || raw(p) < found.exact - 1) found.exact = raw(p) + 1;",
    replace: "else found.exact = raw(p) + 1;",
    tests: link("version-patterns", "versioned-references", "shared-objects"),
  },
  {
    file: "src/output/sections/hash.ts",
    find: "size: 2 * WORD + symbols * 2 * WORD,",
    replace: "size: 2 * WORD + symbols * WORD,",
    tests: link("hash-style"),
  },
];

/** What --gc-sections keeps. */
const kept: readonly Mutant[] = [
  {
    file: "native/kernels/mark.cc",
    find: "if (is_common(section)) t_.symbol.uses.set_bits(s, SymbolUse::REACHED);",
    replace: "if (is_common(section)) return;",
    tests: link("gc-sections", "common-symbols"),
  },
  {
    file: "native/kernels/mark.cc",
    find: "constexpr u32 roots = SymbolFlags::ROOT | SymbolFlags::EXPORTED;",
    replace: "constexpr u32 roots = SymbolFlags::ROOT;",
    tests: link("gc-sections"),
  },
  {
    file: "native/kernels/mark.cc",
    find: "if (!r.is_cie && !is_live_fde(t, file, frame, r)) continue;",
    replace: "",
    tests: link("gc-sections"),
  },
  {
    file: "native/kernels/mark.cc",
    find: "if (!(file.section(i).sh_flags & SHF_ALLOC)) continue; // debug information keeps nothing alive",
    replace: "",
    tests: link("gc-sections"),
  },
  {
    file: "native/kernels/mark.cc",
    find: "is_kept(t, file.section_id(header.sh_link)))",
    replace: "false)",
    tests: link("gc-sections"),
  },
];

/** .dynsym, slots, copies, and who binds to what. */
const dynamicSymbols: readonly Mutant[] = [
  {
    file: "native/kernels/dynsym-writer.cc",
    find: "binding = flags & SymbolFlags::STRONGLY_REFERENCED ? STB_GLOBAL : STB_WEAK;\n    type = mentioned_type(t, s);",
    replace: "binding = STB_GLOBAL;\n    type = mentioned_type(t, s);",
    tests: link("weak-symbols"),
  },
  {
    file: "native/kernels/dynsym-writer.cc",
    find: "out.st_value = t.symbol.address[s]; // and undefined: that is what tells the loader",
    replace: "",
    tests: link("function-addresses"),
  },
  {
    file: "native/kernels/dynsym-writer.cc",
    find: "bloom[h / 64 % words] |= u64{1} << h % 64 | u64{1} << (h >> shift) % 64;",
    replace: "bloom[h / 64 % words] |= u64{1} << h % 64;",
    tests: link("hash-style", "shared-objects"),
  },
  {
    file: "native/kernels/dynsym-writer.cc",
    find: "if (own <= VER_NDX_GLOBAL || ",
    replace: "if (own <= VER_NDX_GLOBAL + 1 || ",
    tests: link("versioned-references"),
  },
  {
    file: "native/kernels/dynsym-writer.cc",
    find: "out.st_size = is_common(section) ? t.symbol.common_size[s] : sym.st_size;",
    replace: "out.st_size = sym.st_size;",
    tests: link("common-symbols", "options"),
  },
  {
    file: "native/kernels/dynsym-writer.cc",
    find: "if (type == STT_COMMON) type = STT_OBJECT;",
    replace: "",
    tests: link("common-symbols"),
  },
  {
    file: "native/kernels/slot-writer.cc",
    find: "if (!got_plt_.empty()) put64(got_plt_, 0, t_.own_section.address[OwnSection::Dynamic]);",
    replace: "",
    tests: link("linker-defined-symbols"),
  },
  {
    file: "native/kernels/slot-writer.cc",
    find: "case Filler::Packed:\n      put64(got_, u64{index} * 8, content);",
    replace: "case Filler::Packed:",
    tests: link("relro-and-binding", "relocation-table"),
  },
  {
    file: "native/kernels/slot-writer.cc",
    find: "t_.own_section.offset[OwnSection::RelaDyn] + t_.link.got_symbolics * sizeof(Elf64_Rela));",
    replace: "t_.own_section.offset[OwnSection::RelaDyn]);",
    tests: link("shared-objects"),
  },
  {
    file: "native/kernels/copies.cc",
    find: "t_.entry.is_copied[e] = is_new && copy.size; // its other names share the bytes",
    replace: "t_.entry.is_copied[e] = 1;",
    tests: link("copy-relocations"),
  },
  {
    file: "native/kernels/copies.cc",
    find: "if (copy.is_relro) t_.symbol.flags.set_bits(s, SymbolFlags::COPY_IS_RELRO);",
    replace: "",
    tests: link("copy-relocations"),
  },
  {
    file: "native/kernels/copies.cc",
    find: "u32 log2 = proven_alignment(file, symbol, sym);",
    replace: "u32 log2 = 0;",
    tests: link("copy-relocations"),
  },
  {
    file: "native/kernels/copies.cc",
    find: "t.symbol.uses.set_bits(s, SymbolUse::REACHED); // by the library, whatever --gc-sections found",
    replace: "",
    tests: link("copy-relocations", "gc-sections"),
  },
  {
    file: "native/kernels/bind-symbols.cc",
    find: "return output_ & OutputFlags::SHARED || t_.symbol.uses.load(s) == SymbolUse::SLOT;",
    replace: "return true;",
    tests: link("weak-symbols"),
  },
  {
    file: "native/kernels/bind-symbols.cc",
    find: "if (sym.visibility() == STV_PROTECTED) flags_ |= SymbolFlags::IS_PROTECTED_THERE;",
    replace: "",
    tests: link("copy-relocations", "relocation-table"),
  },
  {
    file: "native/kernels/bind-symbols.cc",
    find: "!(output_ & OutputFlags::BSYMBOLIC_NON_WEAK && sym.binding() == STB_WEAK) &&",
    replace: "",
    tests: link("symbolic-binding"),
  },
  {
    file: "native/kernels/bind-symbols.cc",
    find: "(output_ & OutputFlags::DATA_LISTED && is_data)",
    replace: "false",
    tests: link("symbolic-binding"),
  },
  {
    file: "native/kernels/check-shared.cc",
    find: "if (t.symbol.flags.load(s) & SymbolFlags::DEFINED_BY_LOADED) return;",
    replace: "",
    tests: link("several-shared-objects", "indirect-objects"),
  },
  {
    file: "native/kernels/check-shared.cc",
    find: "if (visibility == STV_HIDDEN || visibility == STV_INTERNAL || flags & SymbolFlags::LOCALISED)",
    replace: "if (visibility == STV_HIDDEN || visibility == STV_INTERNAL)",
    tests: link("several-shared-objects", "shared-objects", "options"),
  },
  {
    file: "native/kernels/weak-uses.cc",
    find: "case Expression::gotOffset: return is_code ? u8{SymbolUse::ADDRESS} : u8{0};",
    replace: "case Expression::gotOffset: return SymbolUse::ADDRESS;",
    tests: link("weak-symbols"),
  },
];

/** Which shared objects the output needs. */
const libraries: readonly Mutant[] = [
  {
    file: "src/passes/needed-objects.ts",
    find: "if (object !== undefined) loaded.add(object);",
    replace: "",
    tests: link("indirect-objects", "several-shared-objects"),
  },
  {
    file: "src/passes/needed-objects.ts",
    find: "for (const name of needed) named.add(name);",
    replace: "",
    tests: link("several-shared-objects", "indirect-objects"),
  },
  {
    file: "src/passes/needed-objects.ts",
    find: "else if (!(flags[file] & FileFlags.AS_NEEDED)) state",
    replace: "else state",
    tests: link("library-kinds", "several-shared-objects", "options"),
  },
  {
    file: "src/passes/needed-objects.ts",
    find: "!== FileState.WANTED || named.has(soname)) continue;",
    replace: "!== FileState.WANTED) continue;",
    tests: link("several-shared-objects", "indirect-objects"),
  },
];

/** Versions, --defsym, --wrap and names that stay inside. */
const names: readonly Mutant[] = [
  {
    file: "src/passes/alias-versions.ts",
    find: "if (isWinner) claim.setHalves(plain, claim.low(versioned), claim.high(versioned));",
    replace: "",
    tests: link("version-names"),
  },
  {
    file: "src/passes/alias-versions.ts",
    find: "isInObject(file) === isInObject(ownerOf(versioned));",
    replace: "true;",
    tests: link("version-names", "versioned-references"),
  },
  {
    file: "src/passes/alias-versions.ts",
    find: "if (!isShared && (!isWeak || isStatic)) continue; // undefined, or null",
    replace: "",
    tests: link("versioned-references", "version-names"),
  },
  {
    file: "src/passes/classify-assignments.ts",
    find: "const meaning = { ...(source === undefined ? NOTHING : meaningOf(source)), isAddress };",
    replace: "const meaning = { ...NOTHING, isAddress };",
    tests: link("defsym"),
  },
  {
    file: "src/passes/define-assignments.ts",
    find: "return holds ?? ordered.findLast((section) => isIn(section) && at === endOf(section));",
    replace: "return holds;",
    tests: link("defsym", "options"),
  },
  {
    file: "src/passes/classify-assignments.ts",
    find: "if (object === undefined || object.visibility(definition) === STV_PROTECTED) return;",
    replace: "if (object === undefined) return;",
    tests: link("defsym"),
  },
  {
    file: "src/passes/version-needs.ts",
    find: "const wanted = hasRelr ? object.indexOfVersion(RELR_VERSION) : -1;",
    replace: "const wanted = -1;",
    tests: link("relro-and-binding", "options"),
  },
  {
    file: "native/kernels/match-patterns.cc",
    find: "bool is_local = (found.exact || found.local || found.star_local) && !is_global;",
    replace: "bool is_local = false;",
    tests: link("version-names", "version-patterns"),
  },
  {
    file: "native/kernels/match-patterns.cc",
    find: 'bool is_default = text.substr(at).starts_with("@@") || t_.mention.hash[MentionId{raw(s)}] != t_.mention.hash[m];',
    replace: 'bool is_default = text.substr(at).starts_with("@@");',
    tests: link("version-names"),
  },
  {
    file: "native/kernels/scan-symbols.cc",
    find: "if (!meant && name.starts_with(real_prefix) &&",
    replace: "if (false &&",
    tests: link("options", "defsym", "entry-and-undefined"),
  },
  {
    file: "native/kernels/scan-symbols.cc",
    find: "t.mention.name[m] = pack_name(*meant);",
    replace: "t.mention.name[m] = pack_name(name);",
    tests: link("options"),
  },
  {
    file: "native/kernels/layout.h",
    find: "(flags & SymbolFlags::LOCALISED && !(t.link.output_flags & OutputFlags::STATIC));",
    replace: "false;",
    tests: link("options", "symbol-table"),
  },
  {
    file: "native/kernels/gather-symbols.cc",
    find: "if (is_owner && t_.file.flags[file_.id] & FileFlags::EXCLUDE_LIBS) flags |= SymbolFlags::LOCALISED;",
    replace: "",
    tests: link("options", "archives"),
  },
  {
    file: "native/kernels/symtab-writer.cc",
    find: "if (!(flags & SymbolFlags::NEEDS_COPY)) sym.st_size = 0;",
    replace: "",
    tests: link("symbol-table", "shared-objects"),
  },
  {
    file: "native/kernels/symtab-writer.cc",
    find: "out.sym.st_info = static_cast<u8>(out.sym.binding() << 4 | STT_FUNC);",
    replace: "",
    tests: link("ifunc"),
  },
];

export const mutants: readonly Mutant[] = [
  ...relocations,
  ...claims,
  ...contents,
  ...layout,
  ...versions,
  ...kept,
  ...dynamicSymbols,
  ...libraries,
  ...names,
];
