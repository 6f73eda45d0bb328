/* SPDX-License-Identifier: GPL-2.0-only */
/* Hosts by way of a VFIO container. */
#ifndef IOMMU_NESTED_CONTAINER_HOST_H
#define IOMMU_NESTED_CONTAINER_HOST_H

#include "../lib/pci.h"
#include "../lib/vfio.h"
#include "witness.h"

#define ALL_GROUPS	((struct vfio_nested_target){ .group_fd = -1 })
#define INFO_SIZE	2048

#define NO_NESTING	"VFIO_TYPE1_NESTING_IOMMU: this driver does not nest on this IOMMU"

/* What the kernel says of itself in a line of /proc; fails the test if nothing. */
static long proc_number(struct __test_metadata *_metadata, const char *path,
			const char *key)
{
	char line[256];
	long number;
	FILE *f;

	f = fopen(path, "re");
	ASSERT_NE(NULL, f);
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, strlen(key)) ||
		    sscanf(line + strlen(key), "%*[ \t:]%ld", &number) != 1)
			continue;
		fclose(f);
		return number;
	}
	fclose(f);
	ASSERT_TRUE(false) {
		TH_LOG("%s has no %s", path, key);
	}
	return 0;
}

static long memory_counter(struct __test_metadata *_metadata, const char *key)
{
	int fd = open("/proc/sys/vm/stat_refresh", O_WRONLY | O_CLOEXEC);

	/* What is counted for each processor is folded. */
	ASSERT_LE(0, fd);
	ASSERT_EQ(1, write(fd, "1", 1));
	close(fd);
	return proc_number(_metadata, "/proc/vmstat", key);
}

/* Pages that are pinned just now, of whomever. */
static long pinned_pages(struct __test_metadata *_metadata)
{
	return memory_counter(_metadata, "nr_foll_pin_acquired") -
	       memory_counter(_metadata, "nr_foll_pin_released");
}

/* Pages that are the IOMMU's tables. */
static long table_pages(struct __test_metadata *_metadata)
{
	return memory_counter(_metadata, "nr_iommu_pages");
}

/* KiB that this process has locked. */
static long locked_kib(struct __test_metadata *_metadata)
{
	return proc_number(_metadata, "/proc/self/status", "VmLck");
}

/* From now on RLIMIT_MEMLOCK counts for this process. */
static int drop_ipc_lock(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return -errno;
	data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective &= ~CAP_TO_MASK(CAP_IPC_LOCK);
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

static inline struct vfio_nested_target group_of(const struct edu *edu)
{
	return (struct vfio_nested_target){ .group_fd = edu->group };
}

static inline struct vfio_nested_target device_of(const struct edu *edu)
{
	return (struct vfio_nested_target){
		.group_fd = edu->group,
		.device = (uintptr_t)edu->bdf,
	};
}

/* A container of @type with the groups of @num_edu devices, and nothing mapped. */
static void groups_up(struct __test_metadata *_metadata, struct host *host,
		      unsigned long type, unsigned int first,
		      unsigned int num_edu)
{
	unsigned int i;
	int rc;

	memset(host, 0, sizeof(*host));
	if (edu_count() < first + num_edu)
		SKIP(return, "%u edu devices are needed, the machine has %u",
		     first + num_edu, edu_count());
	host->fd = vfio_open();
	ASSERT_LE(0, host->fd);
	for (i = 0; i < num_edu; i++) {
		ASSERT_EQ(0, edu_open_group(&host->edu[i], first + i, host->fd));
		host->num_edu++;
	}
	if (type != VFIO_TYPE1_NESTING_IOMMU && !vfio_extension(host->fd, type))
		SKIP(return, "the kernel is without VFIO_IOMMU_TYPE1");
	rc = vfio_set_iommu(host->fd, type);
	if (rc && type == VFIO_TYPE1_NESTING_IOMMU && !nesting_promised())
		SKIP(return, NO_NESTING);
	ASSERT_EQ(0, rc);
}

/* Room for VFIO_IOMMU_GET_INFO with its capabilities. */
union info {
	struct vfio_iommu_type1_info info;
	__u8 bytes[INFO_SIZE];
	__u64 align;
};

static const void *info_get(struct __test_metadata *_metadata, int fd,
			    union info *info, unsigned int id)
{
	const void *cap;

	ASSERT_EQ(0, vfio_info(fd, &info->info, sizeof(*info)));
	cap = vfio_capability(&info->info, id, 0);
	ASSERT_NE(NULL, cap) {
		TH_LOG("no capability %#x", id);
	}
	return cap;
}

/* Whether it is software that walks. */
static bool shadowing(struct __test_metadata *_metadata, struct host *host)
{
	const struct vfio_nested_info_cap *cap;
	union info info;

	cap = info_get(_metadata, host->fd, &info, VFIO_NESTED_INFO_CAP);
	return cap->flags & VFIO_NESTED_INFO_CACHING_MODE;
}

/* How many more mappings there can be, as GET_INFO has it. */
static inline __u32 dma_avail(struct __test_metadata *_metadata, int fd)
{
	const struct vfio_iommu_type1_info_dma_avail *cap;
	union info info;

	cap = info_get(_metadata, fd, &info, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL);
	return cap->avail;
}

/* ... with the guest's memory, and the devices themselves. */
static void container_up_nth(struct __test_metadata *_metadata,
			     struct host *host, unsigned long type,
			     unsigned int first, unsigned int num_edu)
{
	unsigned int i;

	groups_up(_metadata, host, type, first, num_edu);
	if (_metadata->exit_code)
		return;
	host_make_ram(_metadata, host);
	ASSERT_EQ(0, vfio_map(host->fd, host->ram.ram, GUEST_SIZE, GUEST_GPA));
	for (i = 0; i < num_edu; i++) {
		ASSERT_EQ(0, edu_open_device(&host->edu[i]));
		teach_markers(_metadata, host, &host->edu[i]);
	}
}

static void host_down(struct host *host)
{
	unsigned int i;

	for (i = 0; i < host->num_edu; i++)
		edu_close(&host->edu[i]);
	if (host->fd > 0)
		close(host->fd);
	guest_free(&host->ram);
	host->num_edu = 0;
	host->fd = -1;
}

#endif
