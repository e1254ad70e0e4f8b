/* Lets the disk and the clock of the process that preloads it misbehave, as the test says that holds the other end of
 * the file CHATKITTY_FAULTS: of a million calls on the database's files, so many fail or do half of their work, and the
 * time of day is off by so many seconds. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

struct control {
    volatile uint32_t disk;
    volatile int32_t clock;
};

static const struct control calm;
static const struct control *control = &calm;

__attribute__((constructor)) static void attach(void) {
    const char *path = getenv("CHATKITTY_FAULTS");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    void *shared = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *control, PROT_READ, MAP_SHARED, fd, 0);
    if (shared == MAP_FAILED) {
        static const char message[] = "faults: CHATKITTY_FAULTS names no file that can be mapped\n";
        if (write(2, message, sizeof message - 1) < 0) {
            abort();
        }
        abort();
    }
    control = shared;
}

static uint32_t chance(void) {
    static __thread uint64_t state;
    if (state == 0) {
        state = (uint64_t)(uintptr_t)&state ^ (uint64_t)getpid() << 32;
    }
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}

/* Whether this call is one that fails. The name of the file is asked for only then, as it takes a call of its own. */
static int fails(int fd) {
    if (control->disk == 0 || chance() % 1000000 >= control->disk) {
        return 0;
    }
    char link[32], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) {
        return 0;
    }
    path[length] = 0;
    return strstr(path, "test.db") != NULL;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static ssize_t write_badly(int fd, const void *bytes, size_t count, off64_t at) {
    size_t half = count / 2;
    switch (chance() % 4) {
    case 0:
        errno = ENOSPC;
        return -1;
    case 1:
        errno = EIO;
        return -1;
    case 2:
        if (half > 0) {
            return REAL(pwrite64)(fd, bytes, half, at);
        }
        errno = ENOSPC;
        return -1;
    default:
        if (half > 0 && REAL(pwrite64)(fd, bytes, half, at) < 0) {
            return -1;
        }
        errno = EIO;
        return -1;
    }
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    return fails(fd) ? write_badly(fd, bytes, count, at) : REAL(pwrite64)(fd, bytes, count, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    return pwrite64(fd, bytes, count, at);
}

static int sync_badly(void) {
    if (chance() % 2) {
        /* A disk that takes its time, and then is fine. */
        usleep(20000);
        return 0;
    }
    errno = EIO;
    return -1;
}

int fsync(int fd) {
    return fails(fd) && sync_badly() < 0 ? -1 : REAL(fsync)(fd);
}

int fdatasync(int fd) {
    return fails(fd) && sync_badly() < 0 ? -1 : REAL(fdatasync)(fd);
}

int ftruncate64(int fd, off64_t length) {
    if (fails(fd)) {
        errno = EIO;
        return -1;
    }
    return REAL(ftruncate64)(fd, length);
}

int ftruncate(int fd, off_t length) {
    return ftruncate64(fd, length);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    int failed = REAL(clock_gettime)(clock, time);
    if (!failed && clock == CLOCK_REALTIME) {
        time->tv_sec += control->clock;
    }
    return failed;
}
