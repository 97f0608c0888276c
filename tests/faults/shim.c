/* Counts the file operations of a process that change a folder, and fails or ends it at one of them.
 *
 * Loaded with LD_PRELOAD; `fault_arm` names the folder, the operation and what happens there: an errno, or 0 for a kill in
 * the middle of a write. A full disk (ENOSPC) stays full: all later operations that need space fail as well.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[PATH_MAX];
static long target = -1;
static int failure;
static atomic_long seen;

void fault_arm(const char *path, long number, int error) {
    target = number;
    failure = error;
    seen = 0;
    snprintf(folder, sizeof folder, "%s", path);
}

long fault_seen(void) { return seen; }

static int begins(const char *path) { return !strncmp(path, folder, strlen(folder)); }

static int inside_fd(int descriptor) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return begins(path);
}

static int inside(int directory, const char *path) {
    if (path[0] == '/') return begins(path);
    if (directory != AT_FDCWD) return inside_fd(directory);
    char here[PATH_MAX];
    return getcwd(here, sizeof here) && begins(here);
}

/* Returns 1 where the operation is the one at which the process is to die, -1 (and errno) where it fails, else 0. */
static int fault(int is_inside, int needs_space) {
    if (target < 0 || !is_inside) return 0;
    long number = seen++;
    int later = failure == ENOSPC && number > target;
    if (number != target && !later) return 0;
    if (failure == ENOSPC && !needs_space) return 0;
    if (!failure) return 1;
    errno = failure;
    return -1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define GUARD(is_inside, needs_space)                                                                                            \
    do {                                                                                                                         \
        int told = fault(is_inside, needs_space);                                                                                \
        if (told > 0) raise(SIGKILL);                                                                                            \
        if (told < 0) return -1;                                                                                                 \
    } while (0)

#define OPEN(name)                                                                                                               \
    int name(const char *path, int flags, ...) {                                                                                 \
        va_list more;                                                                                                            \
        va_start(more, flags);                                                                                                   \
        mode_t mode = va_arg(more, mode_t);                                                                                      \
        va_end(more);                                                                                                            \
        if (flags & (O_CREAT | O_WRONLY | O_RDWR)) GUARD(inside(AT_FDCWD, path), flags & O_CREAT);                               \
        return REAL(name)(path, flags, mode);                                                                                    \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                                                             \
    int name(int directory, const char *path, int flags, ...) {                                                                  \
        va_list more;                                                                                                            \
        va_start(more, flags);                                                                                                   \
        mode_t mode = va_arg(more, mode_t);                                                                                      \
        va_end(more);                                                                                                            \
        if (flags & (O_CREAT | O_WRONLY | O_RDWR)) GUARD(inside(directory, path), flags & O_CREAT);                              \
        return REAL(name)(directory, path, flags, mode);                                                                         \
    }
OPENAT(openat)
OPENAT(openat64)

#define FOPEN(name)                                                                                                              \
    FILE *name(const char *path, const char *mode) {                                                                             \
        int told = strpbrk(mode, "wa+") ? fault(inside(AT_FDCWD, path), 1) : 0;                                                  \
        if (told > 0) raise(SIGKILL);                                                                                            \
        return told < 0 ? NULL : REAL(name)(path, mode);                                                                         \
    }
FOPEN(fopen)
FOPEN(fopen64)

ssize_t write(int descriptor, const void *data, size_t count) {
    int told = fault(inside_fd(descriptor), 1);
    if (told > 0) {
        REAL(write)(descriptor, data, count / 2);
        raise(SIGKILL);
    }
    return told < 0 ? -1 : REAL(write)(descriptor, data, count);
}

#define PWRITE(name, offset)                                                                                                     \
    ssize_t name(int descriptor, const void *data, size_t count, offset place) {                                                 \
        GUARD(inside_fd(descriptor), 1);                                                                                         \
        return REAL(name)(descriptor, data, count, place);                                                                       \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

int ftruncate(int descriptor, off_t size) {
    GUARD(inside_fd(descriptor), 1);
    return REAL(ftruncate)(descriptor, size);
}
int ftruncate64(int descriptor, off64_t size) {
    GUARD(inside_fd(descriptor), 1);
    return REAL(ftruncate64)(descriptor, size);
}
int fsync(int descriptor) {
    GUARD(inside_fd(descriptor), 0);
    return REAL(fsync)(descriptor);
}
int mkdir(const char *path, mode_t mode) {
    GUARD(inside(AT_FDCWD, path), 1);
    return REAL(mkdir)(path, mode);
}
int link(const char *from, const char *to) {
    GUARD(inside(AT_FDCWD, to), 1);
    return REAL(link)(from, to);
}
int linkat(int from_directory, const char *from, int directory, const char *to, int flags) {
    GUARD(inside(directory, to), 1);
    return REAL(linkat)(from_directory, from, directory, to, flags);
}
int rename(const char *from, const char *to) {
    GUARD(inside(AT_FDCWD, to), 0);
    return REAL(rename)(from, to);
}
int renameat(int from_directory, const char *from, int directory, const char *to) {
    GUARD(inside(directory, to), 0);
    return REAL(renameat)(from_directory, from, directory, to);
}
int unlink(const char *path) {
    GUARD(inside(AT_FDCWD, path), 0);
    return REAL(unlink)(path);
}
int unlinkat(int directory, const char *path, int flags) {
    GUARD(inside(directory, path), 0);
    return REAL(unlinkat)(directory, path, flags);
}
int rmdir(const char *path) {
    GUARD(inside(AT_FDCWD, path), 0);
    return REAL(rmdir)(path);
}
