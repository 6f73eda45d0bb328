// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "guest.h"

/*
 * MADV_COLLAPSE makes huge pages even where the system's setting is not to, as
 * it is on machines with little memory.
 */
static bool make_huge(unsigned char *start, size_t size)
{
	size_t at;

	for (at = 0; at < size; at += MIB(2))
		start[at] = 0;
	return !madvise(start, size, MADV_COLLAPSE);
}

int guest_init(struct guest *guest, size_t size, __u64 gpa)
{
	size_t reserve = size + MIB(2);
	unsigned char *map, *ram;

	map = mmap(NULL, reserve, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return -errno;
	ram = (void *)(((uintptr_t)map + MIB(2) - 1) & ~(MIB(2) - 1));
	if (ram > map)
		munmap(map, ram - map);
	if (map + reserve > ram + size)
		munmap(ram + size, map + reserve - (ram + size));

	*guest = (struct guest){ .ram = ram, .size = size, .gpa = gpa };
	madvise(ram, size / 2, MADV_NOHUGEPAGE);
	guest->huge = make_huge(ram + size / 2, size - size / 2);
	return 0;
}

void guest_free(struct guest *guest)
{
	if (guest->ram)
		munmap(guest->ram, guest->size);
	guest->ram = NULL;
}

void *guest_alloc(struct guest *guest, size_t size)
{
	size_t start = (guest->used + size - 1) & ~(size - 1);

	if (start + size > guest->size)
		return NULL;
	guest->used = start + size;
	return memset(guest->ram + start, 0, size);
}

__u64 guest_gpa(const struct guest *guest, const void *va)
{
	return guest->gpa + ((const unsigned char *)va - guest->ram);
}

void *guest_va(const struct guest *guest, __u64 gpa)
{
	if (gpa < guest->gpa || gpa - guest->gpa >= guest->size)
		return NULL;
	return guest->ram + (gpa - guest->gpa);
}
