/* Tries one thing that an execution policy is about, and says what came of it.
 *
 *     attempt                      runs, and says so
 *     attempt map FILE             maps a file executable
 *     attempt protect FILE         maps a file, then makes it executable
 *     attempt anonymous            maps memory executable
 *     attempt jit                  maps memory, writes to it, then makes it executable
 *     attempt memory FILE          executes a copy of a file that is nowhere but in memory
 *     attempt own-code             writes to its own program through /proc/self/mem
 *     attempt module FILE          loads a module from memory
 *     attempt kexec FILE           loads a kernel for kexec
 *     attempt initramfs FILE       executes a copy of a file in the initramfs below the root
 *     attempt crash                ends by a signal that dumps core
 *
 * It says "ran", "allowed", or "refused: " and why. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096

static int said(int good)
{
	if (good)
		puts("allowed");
	else
		printf("refused: %s\n", strerror(errno));
	return !good;
}

/* For what has to work before the attempt itself. */
static void need(int good, const char *what)
{
	if (good)
		return;
	printf("no attempt: %s: %s\n", what, strerror(errno));
	exit(3);
}

static int opened(const char *file)
{
	int fd = open(file, O_RDONLY);
	need(fd >= 0, file);
	return fd;
}

static int map(const char *file)
{
	return said(mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, opened(file), 0) != MAP_FAILED);
}

static int protect(const char *file)
{
	void *page = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, opened(file), 0);
	need(page != MAP_FAILED, "mmap");
	return said(mprotect(page, PAGE, PROT_READ | PROT_EXEC) == 0);
}

static int anonymous(const char *unused)
{
	(void)unused;
	return said(mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

static int jit(const char *unused)
{
	char *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	(void)unused;
	need(page != MAP_FAILED, "mmap");
	page[0] = (char)0xc3; /* ret */
	return said(mprotect(page, PAGE, PROT_READ | PROT_EXEC) == 0);
}

static void copy(int from, int to)
{
	struct stat status;
	need(fstat(from, &status) == 0, "fstat");
	need(sendfile(to, from, NULL, status.st_size) == status.st_size, "sendfile");
}

static int memory(const char *file)
{
	char *arguments[] = { "attempt", NULL }, *environment[] = { NULL };
	int fd = memfd_create("attempt", MFD_CLOEXEC);
	need(fd >= 0, "memfd_create");
	copy(opened(file), fd);
	fexecve(fd, arguments, environment);
	return said(0);
}

static int own_code(const char *unused)
{
	int fd = open("/proc/self/mem", O_RDWR);
	void *code = (void *)(uintptr_t)puts;
	char byte = *(char *)code;
	(void)unused;
	need(fd >= 0, "/proc/self/mem");
	return said(pwrite(fd, &byte, 1, (off_t)(uintptr_t)code) == 1);
}

static int module(const char *file)
{
	struct stat status;
	int fd = opened(file);
	void *bytes;
	need(fstat(fd, &status) == 0, "fstat");
	bytes = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	need(bytes != MAP_FAILED, "mmap");
	return said(syscall(SYS_init_module, bytes, status.st_size, "") == 0);
}

static int kexec(const char *file)
{
	return said(syscall(SYS_kexec_file_load, opened(file), opened(file), 1UL, "", 0UL) == 0);
}

static int initramfs(const char *file)
{
	char *arguments[] = { "/attempt", NULL }, *environment[] = { NULL };
	int source = opened(file), namespace, to;
	need(unshare(CLONE_NEWNS) == 0, "unshare");
	namespace = opened("/proc/self/ns/mnt");
	need(umount2("/", MNT_DETACH) == 0, "umount");
	need(setns(namespace, CLONE_NEWNS) == 0, "setns");
	to = open("/attempt", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	need(to >= 0, "/attempt");
	copy(source, to);
	close(to);
	execve("/attempt", arguments, environment);
	return said(0);
}

static int crash(const char *unused)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	(void)unused;
	need(setrlimit(RLIMIT_CORE, &all) == 0, "setrlimit");
	abort();
}

static const struct {
	const char *name;
	int (*attempt)(const char *file);
} table[] = {
	{ "map", map },
	{ "protect", protect },
	{ "anonymous", anonymous },
	{ "jit", jit },
	{ "memory", memory },
	{ "own-code", own_code },
	{ "module", module },
	{ "kexec", kexec },
	{ "initramfs", initramfs },
	{ "crash", crash },
};

int main(int count, char **arguments)
{
	size_t row;
	if (count < 2) {
		puts("ran");
		return 0;
	}
	for (row = 0; row < sizeof table / sizeof *table; row++)
		if (strcmp(table[row].name, arguments[1]) == 0)
			return table[row].attempt(count > 2 ? arguments[2] : "");
	puts("no such attempt");
	return 3;
}
