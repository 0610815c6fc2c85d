/* A disk that fails on demand: loaded before libc, it makes what changes a folder fail while a control file says so.
 *
 * SHIM_FOLDER   the folder, an absolute path; all below it is on the bad disk
 * SHIM_CONTROL  a file of one byte, mapped into memory: the errno that changes fail with, 0 for none
 *
 * With ENOSPC the file system also says that it has no room left. Reading goes on, as it does on such disks.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

static volatile unsigned char *control;
static const char *folder;

__attribute__((constructor)) static void start(void) {
    const char *name = getenv("SHIM_CONTROL");
    folder = getenv("SHIM_FOLDER");
    int fd = name ? open(name, O_RDONLY) : -1;
    void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, 1, PROT_READ, MAP_SHARED, fd, 0);
    if (mapped != MAP_FAILED) control = mapped;
}

static int lies_below(const char *path) {
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static int fails_at(int directory, const char *path) {
    char whole[PATH_MAX], link[64];
    if (!control || !*control || !path) return 0;
    if (path[0] == '/') {
        if (!lies_below(path)) return 0;
    } else {
        snprintf(link, sizeof link, directory == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", directory);
        ssize_t size = readlink(link, whole, sizeof whole - 1);
        if (size < 0) return 0;
        whole[size] = '\0';
        if (!lies_below(whole)) return 0;
    }
    errno = *control;
    return 1;
}

static int fails(int fd) {
    char link[64], whole[PATH_MAX];
    if (!control || !*control) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, whole, sizeof whole - 1);
    if (size < 0) return 0;
    whole[size] = '\0';
    if (!lies_below(whole)) return 0;
    errno = *control;
    return 1;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define ON_FILE(type, name, parameters, arguments)      \
    type name parameters {                              \
        static __typeof__(&name) real;                  \
        if (!real) real = REAL(name);                   \
        return fails(fd) ? (type)-1 : real arguments;   \
    }

#define ON_PATH(name, parameters, directory, path, arguments)        \
    int name parameters {                                            \
        static __typeof__(&name) real;                               \
        if (!real) real = REAL(name);                                \
        return fails_at(directory, path) ? -1 : real arguments;      \
    }

ON_FILE(ssize_t, write, (int fd, const void *bytes, size_t count), (fd, bytes, count))
ON_FILE(ssize_t, pwrite, (int fd, const void *bytes, size_t count, off_t at), (fd, bytes, count, at))
ON_FILE(ssize_t, pwrite64, (int fd, const void *bytes, size_t count, off64_t at), (fd, bytes, count, at))
ON_FILE(ssize_t, writev, (int fd, const struct iovec *parts, int count), (fd, parts, count))
ON_FILE(ssize_t, pwritev, (int fd, const struct iovec *parts, int count, off_t at), (fd, parts, count, at))
ON_FILE(ssize_t, pwritev64, (int fd, const struct iovec *parts, int count, off64_t at), (fd, parts, count, at))
ON_FILE(int, ftruncate, (int fd, off_t size), (fd, size))
ON_FILE(int, ftruncate64, (int fd, off64_t size), (fd, size))
ON_FILE(int, fallocate, (int fd, int mode, off_t at, off_t size), (fd, mode, at, size))
ON_FILE(int, fallocate64, (int fd, int mode, off64_t at, off64_t size), (fd, mode, at, size))
ON_FILE(int, fsync, (int fd), (fd))
ON_FILE(int, fdatasync, (int fd), (fd))

ON_PATH(mkdir, (const char *path, mode_t mode), AT_FDCWD, path, (path, mode))
ON_PATH(rename, (const char *path, const char *to), AT_FDCWD, to, (path, to))
ON_PATH(unlink, (const char *path), AT_FDCWD, path, (path))

int posix_fallocate(int fd, off_t at, off_t size) {
    return fails(fd) ? errno : REAL(posix_fallocate)(fd, at, size);
}

static int writes(int flags) { return (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT); }

#define OPENING(name, parameters, directory, arguments)                        \
    int name parameters {                                                      \
        static __typeof__(&name) real;                                         \
        mode_t mode = 0;                                                       \
        va_list more;                                                          \
        if (!real) real = REAL(name);                                          \
        va_start(more, flags);                                                 \
        if (flags & (O_CREAT | O_TMPFILE)) mode = va_arg(more, mode_t);        \
        va_end(more);                                                          \
        return writes(flags) && fails_at(directory, path) ? -1 : real arguments; \
    }

OPENING(open, (const char *path, int flags, ...), AT_FDCWD, (path, flags, mode))
OPENING(open64, (const char *path, int flags, ...), AT_FDCWD, (path, flags, mode))
OPENING(openat, (int directory, const char *path, int flags, ...), directory, (directory, path, flags, mode))
OPENING(openat64, (int directory, const char *path, int flags, ...), directory, (directory, path, flags, mode))

#define ROOM(name, type)                                                \
    int name(const char *path, struct type *status) {                   \
        int result = REAL(name)(path, status);                          \
        if (result == 0 && control && *control == ENOSPC && lies_below(path)) { \
            status->f_bavail = 0;                                       \
            status->f_bfree = 0;                                        \
        }                                                               \
        return result;                                                  \
    }

ROOM(statvfs, statvfs)
ROOM(statvfs64, statvfs64)
