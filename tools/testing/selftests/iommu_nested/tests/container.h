/* SPDX-License-Identifier: GPL-2.0-only */
/* Hosts and guests by way of a VFIO container. */
#ifndef IOMMU_NESTED_CONTAINER_H
#define IOMMU_NESTED_CONTAINER_H

#include "../lib/pci.h"
#include "../lib/vfio.h"
#include "witness.h"

#define VSID		0x1234
#define ALL_GROUPS	((struct vfio_nested_target){ .group_fd = -1 })
#define INFO_SIZE	2048

#define NO_NESTING	"VFIO_TYPE1_NESTING_IOMMU: this driver does not nest on this SMMU"

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

static struct vfio_nested_target group_of(const struct edu *edu)
{
	return (struct vfio_nested_target){ .group_fd = edu->group };
}

static struct vfio_nested_target device_of(const struct edu *edu)
{
	return (struct vfio_nested_target){
		.group_fd = edu->group,
		.device = (uintptr_t)edu->bdf,
	};
}

/* The StreamID: the root complex passes requester IDs on. */
static __u32 stream_id(struct __test_metadata *_metadata, const struct edu *edu)
{
	unsigned int bus, slot, function;
	int num;

	num = sscanf(edu->bdf, "%*x:%x:%x.%x", &bus, &slot, &function);
	ASSERT_EQ(3, num);
	return bus << 8 | slot << 3 | function;
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

/* How many more mappings there can be, as GET_INFO has it. */
static __u32 dma_avail(struct __test_metadata *_metadata, int fd)
{
	const struct vfio_iommu_type1_info_dma_avail *cap;
	union info info;

	cap = info_get(_metadata, fd, &info, VFIO_IOMMU_TYPE1_INFO_DMA_AVAIL);
	return cap->avail;
}

static void read_registers(struct __test_metadata *_metadata, struct host *host)
{
	const struct vfio_nested_info_arm_smmuv3 *cap;
	union info info;

	cap = info_get(_metadata, host->fd, &info,
		       VFIO_NESTED_INFO_CAP_ARM_SMMUV3);
	memcpy(host->info.idr, cap->idr, sizeof(host->info.idr));
	host->info.iidr = cap->iidr;
	host->info.aidr = cap->aidr;
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
	if (type == VFIO_TYPE1_NESTING_IOMMU)
		read_registers(_metadata, host);
	host_make_ram(_metadata, host);
	ASSERT_EQ(0, vfio_map(host->fd, host->ram.ram, GUEST_SIZE, GUEST_GPA));
	for (i = 0; i < num_edu; i++) {
		ASSERT_EQ(0, edu_open_device(&host->edu[i]));
		teach_markers(_metadata, host, &host->edu[i]);
	}
}

static void container_up(struct __test_metadata *_metadata, struct host *host,
			 unsigned int num_edu)
{
	container_up_nth(_metadata, host, VFIO_TYPE1_NESTING_IOMMU, 0, num_edu);
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

/* What @edu's guest calls @vsid, with a stage 1 that is not bound yet. */
static void guest_up(struct __test_metadata *_metadata, struct host *host,
		     struct vm *vm, struct edu *edu, __u32 vsid)
{
	memset(vm, 0, sizeof(*vm));
	vm->host = host;
	vm->edu = edu;
	vm->vsid = vsid;
	vm_make_tables(_metadata, vm);
}

/* The bind that makes the guest's tables translate; to be changed by tests. */
static struct vfio_nested_bind_pasid_table table_of(const struct vm *vm)
{
	return (struct vfio_nested_bind_pasid_table){
		.flags = VFIO_NESTED_BIND_DEVICE_ID,
		.target = device_of(vm->edu),
		.config = VFIO_NESTED_CONFIG_TRANSLATE,
		.model = VFIO_NESTED_MODEL_ARM_SMMUV3,
		.device_id = vm->vsid,
		.base = guest_gpa(&vm->host->ram, vm->cd),
		.arm_smmuv3 = {
			.s1cir = SMMU_CACHE_WBRAWA,
			.s1cor = SMMU_CACHE_WBRAWA,
			.s1csh = SMMU_SHARE_INNER,
		},
	};
}

/* ... and one that does without: bypass, abort. */
static struct vfio_nested_bind_pasid_table no_table(const struct vm *vm,
						    __u32 config)
{
	return (struct vfio_nested_bind_pasid_table){
		.flags = VFIO_NESTED_BIND_DEVICE_ID,
		.target = device_of(vm->edu),
		.config = config,
		.model = VFIO_NESTED_MODEL_ARM_SMMUV3,
		.device_id = vm->vsid,
	};
}

static int vm_bind(struct vm *vm)
{
	struct vfio_nested_bind_pasid_table cmd = table_of(vm);

	return vfio_bind(vm->host->fd, &cmd);
}

static int vm_bind_config(struct vm *vm, __u32 config)
{
	struct vfio_nested_bind_pasid_table cmd = no_table(vm, config);

	return vfio_bind(vm->host->fd, &cmd);
}

static int vm_replace_config(struct vm *vm, __u32 config)
{
	struct vfio_nested_bind_pasid_table cmd = no_table(vm, config);

	cmd.flags |= VFIO_NESTED_BIND_REPLACE;
	return vfio_bind(vm->host->fd, &cmd);
}

static int vm_unbind(struct vm *vm)
{
	return vfio_unbind(vm->host->fd, device_of(vm->edu));
}

static int vm_attach(struct vm *vm)
{
	struct vfio_nested_bind_pasid_table cmd = table_of(vm);

	cmd.flags |= VFIO_NESTED_BIND_REPLACE;
	return vfio_bind(vm->host->fd, &cmd);
}

static int vm_forget(struct vm *vm)
{
	return vm_unbind(vm);
}

static int vm_invalidate_n(struct vm *vm, const struct smmu_cmd *cmds,
			   __u32 num, __u32 *done)
{
	*done = num;
	return vfio_invalidate_smmu(vm->host->fd, cmds, done);
}

static void nest_up(struct __test_metadata *_metadata, struct host *host,
		    struct vm *vm)
{
	container_up(_metadata, host, 1);
	if (_metadata->exit_code)
		return;
	guest_up(_metadata, host, vm, &host->edu[0], VSID);
}

#endif
