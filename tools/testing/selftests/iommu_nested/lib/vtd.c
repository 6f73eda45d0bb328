// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/io.h>

#include "vtd.h"

#define DMAR_TABLE		"/sys/firmware/acpi/tables/DMAR"
#define DMAR_FIRST		48	/* offset of the first structure */
#define DMAR_UNIT		0	/* type of a unit's */
#define DMAR_UNIT_BASE		8	/* offset in it */

#define REGISTERS		4096
#define REGISTER_CAP		0x08
#define REGISTER_ECAP		0x10

static int find_unit(__u64 *base)
{
	int fd = open(DMAR_TABLE, O_RDONLY | O_CLOEXEC);
	unsigned char table[4096];
	__u16 type, len;
	ssize_t size, at;

	if (fd < 0)
		return -errno;
	size = read(fd, table, sizeof(table));
	close(fd);
	for (at = DMAR_FIRST; at + DMAR_UNIT_BASE + 8 <= size; at += len) {
		memcpy(&type, table + at, sizeof(type));
		memcpy(&len, table + at + 2, sizeof(len));
		if (type == DMAR_UNIT) {
			memcpy(base, table + at + DMAR_UNIT_BASE, sizeof(*base));
			return 0;
		}
		if (!len)
			break;
	}
	return -ENOENT;
}

int vtd_read(struct vtd_unit *unit)
{
	void *registers;
	int fd, rc;

	rc = find_unit(&unit->base);
	if (rc)
		return rc;
	fd = open("/dev/mem", O_RDONLY | O_SYNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	registers = mmap(NULL, REGISTERS, PROT_READ, MAP_SHARED, fd, unit->base);
	rc = -errno;
	close(fd);
	if (registers == MAP_FAILED)
		return rc;
	unit->cap = readq(registers + REGISTER_CAP);
	unit->ecap = readq(registers + REGISTER_ECAP);
	munmap(registers, REGISTERS);
	return 0;
}
