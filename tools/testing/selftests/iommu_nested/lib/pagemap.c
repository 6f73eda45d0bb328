// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <stdint.h>
#include <unistd.h>
#include <linux/bits.h>

#include "pagemap.h"

#define PAGEMAP_PRESENT		BIT_ULL(63)
#define PAGEMAP_PFN		GENMASK_ULL(54, 0)

__u64 host_address(const void *va)
{
	size_t page = sysconf(_SC_PAGESIZE);
	__u64 entry = 0;
	int fd;

	fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (pread(fd, &entry, sizeof(entry),
		  (uintptr_t)va / page * sizeof(entry)) != sizeof(entry))
		entry = 0;
	close(fd);
	/* Without CAP_SYS_ADMIN the page is present and its number is 0. */
	if (!(entry & PAGEMAP_PRESENT) || !(entry & PAGEMAP_PFN))
		return 0;
	return (entry & PAGEMAP_PFN) * page + (uintptr_t)va % page;
}
