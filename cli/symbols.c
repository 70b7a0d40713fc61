/*
 * See symbols.h. A file is given to libdw when the first place in it is asked for: most of those that are mapped never are.
 */
#include "symbols.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "demangle.h"
#include "guard.h"
#include "libdw.h"
#include "messages.h"
#include "units.h"

enum { FILES_MOST = 16384, BUCKETS = 4096 };

struct symbols_file {
	struct symbols_file *next; /* in its bucket */
	uint64_t number;
	uint64_t device, inode;  /* as the mapping says */
	char *path;
	int fd;                  /* -1: could not be opened, or libdw has it */
	bool tried;              /* to give it to libdw */
	Dwfl *dwfl;
	Dwfl_Module *module;     /* NULL: nothing is known of it */
	struct units units;
};

static struct symbols_file *buckets[BUCKETS]; /* by inode */
static uint64_t file_count;

/* ---- opening ---- */

/* A regular file of that inode, for reading. It is looked at before it is opened: opening alone would do something to a device. */
static int open_regular(const char *path, uint64_t inode)
{
	char again[64];
	struct stat stat;
	const int place = open(path, O_PATH | O_CLOEXEC);

	if (place < 0)
		return -1;
	snprintf(again, sizeof(again), "/proc/self/fd/%d", place);
	const int fd = fstat(place, &stat) == 0 && S_ISREG(stat.st_mode) && stat.st_ino == inode ? open(again, O_RDONLY | O_CLOEXEC | O_NOCTTY) : -1;

	close(place);
	return fd;
}

/* By the target's own view of its files; what was deleted meanwhile is still to be had as the program itself, or by who may look at the mapping. */
static int open_mapped(pid_t pid, const struct symbols_mapping *mapping)
{
	char path[4096 + 64];
	int fd = -1;

	if (snprintf(path, sizeof(path), "/proc/%d/root%s", (int)pid, mapping->path) < (int)sizeof(path))
		fd = open_regular(path, mapping->inode);
	if (fd < 0) {
		snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
		fd = open_regular(path, mapping->inode);
	}
	if (fd < 0) {
		snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", (int)pid, (unsigned long long)mapping->low, (unsigned long long)mapping->high);
		fd = open_regular(path, mapping->inode);
	}
	return fd;
}

/* What one target has mapped must not take the descriptors that the others need: the last quarter of what there may be is theirs. */
static int spare_descriptors(int fd)
{
	const long most = sysconf(_SC_OPEN_MAX);

	if (fd < 0 || most < 0 || fd < most / 4 * 3)
		return fd;
	close(fd);
	return -1;
}

struct symbols_file *symbols_open(pid_t pid, const struct symbols_mapping *mapping)
{
	struct symbols_file **bucket = &buckets[mapping->inode % BUCKETS];

	if (mapping->path[0] != '/')
		return NULL;
	for (struct symbols_file *file = *bucket; file; file = file->next)
		if (file->inode == mapping->inode && file->device == mapping->device && strcmp(file->path, mapping->path) == 0)
			return file;
	if (file_count == FILES_MOST)
		return NULL;
	struct symbols_file *file = message_allocate(1, sizeof(*file));

	file->number = ++file_count;
	file->device = mapping->device;
	file->inode = mapping->inode;
	file->path = message_copy(mapping->path, strlen(mapping->path));
	file->fd = spare_descriptors(open_mapped(pid, mapping));
	file->next = *bucket;
	*bucket = file;
	return file;
}

/* ---- libdw ---- */

static void give_to_libdw(struct symbols_file *file)
{
	static Dwfl_Callbacks callbacks;

	if (file->tried)
		return;
	file->tried = true;
	if (file->fd < 0 || !libdw_load())
		return;
	callbacks = (Dwfl_Callbacks){ .find_elf = libdw.dwfl_build_id_find_elf, .find_debuginfo = libdw.dwfl_standard_find_debuginfo };
	/* libdw would ask a server for what is not here, and we would not get to our targets meanwhile. */
	unsetenv("DEBUGINFOD_URLS");
	file->dwfl = libdw.dwfl_begin(&callbacks);
	if (!file->dwfl)
		return;
	libdw.dwfl_report_begin(file->dwfl);
	/* At the addresses that are written in it. */
	file->module = libdw.dwfl_report_elf(file->dwfl, file->path, file->path, file->fd, 0, true);
	if (file->module)
		file->fd = -1; /* its own now */
	libdw.dwfl_report_end(file->dwfl, NULL, NULL);
}

/* The address that the file gives to what lies at the offset. */
static bool address_of(const struct symbols_file *file, uint64_t offset, GElf_Addr *address)
{
	GElf_Addr bias;
	Elf *elf = libdw.dwfl_module_getelf(file->module, &bias);
	size_t count;

	if (!elf || libdw.elf_getphdrnum(elf, &count) < 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		GElf_Phdr header;

		if (!libdw.gelf_getphdr(elf, (int)i, &header) || header.p_type != PT_LOAD || offset < header.p_offset || offset - header.p_offset >= header.p_filesz)
			continue;
		*address = offset - header.p_offset + header.p_vaddr + bias;
		return true;
	}
	return false;
}

/* ---- names ---- */

/* What names are written into, and cut. */
struct names {
	struct frame *frame;
	char text[FRAME_NAMES][FRAME_TEXT];
};

static void add_name(struct names *names, const char *symbol, const char *path, int line)
{
	struct frame *frame = names->frame;

	if (frame->names == FRAME_NAMES)
		return;
	char *text = names->text[frame->names];

	demangle(symbol, text, FRAME_TEXT);
	/* A part that the compiler has put elsewhere, where it is out of the way. */
	char *cold = strstr(text, ".cold");

	if (cold)
		*cold = 0;
	frame->name[frame->names++] = (struct frame_name){ .function = text, .file = path, .line = path ? line : 0 };
}

static const char *name_of(Dwarf_Die *die)
{
	static const unsigned attributes[] = { DW_AT_linkage_name, DW_AT_MIPS_linkage_name, DW_AT_name };

	for (size_t i = 0; i < sizeof(attributes) / sizeof(*attributes); i++) {
		Dwarf_Attribute attribute;
		const char *name = libdw.dwarf_attr_integrate(die, attributes[i], &attribute) ? libdw.dwarf_formstring(&attribute) : NULL;

		if (name && *name)
			return name;
	}
	return NULL;
}

static int number_of(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	return libdw.dwarf_attr(die, name, &attribute) && libdw.dwarf_formudata(&attribute, &value) == 0 && value <= INT32_MAX ? (int)value : 0;
}

/* Functions that were inlined, from the innermost on, and the one that they are in. path and line: of the place itself. */
static void add_scopes(struct names *names, Dwarf_Die *unit, Dwarf_Die *scopes, int count, const char *path, int line)
{
	for (int i = 0; i < count; i++) {
		const int tag = libdw.dwarf_tag(&scopes[i]);

		if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram)
			continue;
		const char *name = name_of(&scopes[i]);

		if (name)
			add_name(names, name, path, line);
		if (tag == DW_TAG_subprogram)
			return;
		/* The place of the call is a place in the next one. */
		Dwarf_Files *sources;
		size_t sources_count;

		path = libdw.dwarf_getsrcfiles(unit, &sources, &sources_count) == 0 ? libdw.dwarf_filesrc(sources, (size_t)number_of(&scopes[i], DW_AT_call_file), NULL, NULL) : NULL;
		line = number_of(&scopes[i], DW_AT_call_line);
	}
}

/* Functions of a unit may lie in a file of their own (-gsplit-dwarf), as long as that is where it was written. */
static void follow_split(Dwarf_Die *unit)
{
	uint8_t kind;
	Dwarf_Die split;

	if (libdw.dwarf_cu_info(unit->cu, NULL, &kind, NULL, &split, NULL, NULL, NULL) == 0 && kind == DW_UT_skeleton && split.cu)
		*unit = split;
}

static void add_names(struct names *names, struct symbols_file *file, GElf_Addr address)
{
	Dwarf_Addr bias;
	Dwarf_Die unit, *scopes = NULL, *outer = NULL;
	const bool told = units_find(&file->units, file->module, address, &unit, &bias);
	Dwarf_Line *source = told ? libdw.dwarf_getsrc_die(&unit, address - bias) : NULL;
	const char *path = source ? libdw.dwarf_linesrc(source, NULL, NULL) : NULL;
	int line = 0;

	if (path)
		libdw.dwarf_lineno(source, &line);
	if (told)
		follow_split(&unit);
	if (told && libdw.dwarf_getscopes(&unit, address - bias, &scopes) > 0) {
		/* The first one's ancestors as they lie in the code. */
		const int count = libdw.dwarf_getscopes_die(&scopes[0], &outer);

		add_scopes(names, &unit, outer, count, path, line);
	}
	free(scopes);
	free(outer);
	if (names->frame->names)
		return;
	GElf_Off distance;
	GElf_Sym symbol;
	const char *name = libdw.dwfl_module_addrinfo(file->module, address, &distance, &symbol, NULL, NULL, NULL);

	if (name && *name)
		add_name(names, name, path, line);
}

uint64_t symbols_frame(struct symbols_file *file, uint64_t offset)
{
	uint64_t number = *frames_at(file->number, offset);
	struct frame frame = { .module = file->path, .offset = offset };
	struct names names = { .frame = &frame };
	GElf_Addr address;

	if (number)
		return number;
	guard_begin();
	give_to_libdw(file);
	/* The address is that behind the call. */
	if (file->module && offset && address_of(file, offset - 1, &address)) {
		frame.offset = address + 1; /* what other tools take, addr2line among them */
		add_names(&names, file, address);
	}
	guard_end();
	number = frames_add(&frame);
	*frames_at(file->number, offset) = number;
	return number;
}
