// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a VMM does with a VFIO container of the type VFIO_TYPE1_NESTING_IOMMU, from
 * opening it to the guest's first interrupt and its first fault. The guest is played as
 * well: it has page tables for an Arm SMMUv3 and a PCI device, QEMU's "edu".
 *
 * usage: nested GROUP DEVICE, for example nested 3 0000:00:04.0; the device is
 * vfio-pci's. The exit code is 0 if all is as it should be.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/vfio.h>

#include "../../include/uapi/linux/vfio_nested.h"
#include "../../include/uapi/linux/vfio_nested/smmu_v3/model.h"

#define PAGE		4096UL
#define RAM_GPA		0x40000000UL	/* where the guest has its memory */
#define RAM_SIZE	0x200000UL
#define GDB		0x08090000UL	/* ... and its interrupt doorbell */
#define BUF_IOVA	0x10000UL	/* what the guest's driver maps for DMA */
#define MSI_IOVA	0x7fffff000UL	/* ... and for interrupts */
#define ASID		1
#define VSID		0x20		/* what the guest calls the device */

/* Pages of the guest's memory */
enum { CD, L1, L2_LOW, L3_LOW, L2_HIGH, L3_HIGH, BUF_A, BUF_B };

static unsigned char *ram;
static int container, group, device;
static const char *name;

static void check(int ok, const char *what)
{
	printf("%s %s%s%s\n", ok ? "ok    " : "FAILED", what, ok ? "" : ": ",
	       ok ? "" : strerror(errno));
	if (!ok)
		exit(1);
}

static unsigned long *page(int n)
{
	return (void *)(ram + n * PAGE);
}

static unsigned long gpa(int n)
{
	return RAM_GPA + n * PAGE;
}

/* The guest's page tables: 4 KiB granule, 39 bits, three levels. */
static void map(unsigned long iova, unsigned long to)
{
	int l2 = iova >> 30 ? L2_HIGH : L2_LOW, l3 = l2 + 1;

	page(L1)[iova >> 30 & 511] = gpa(l2) | 3;
	page(l2)[iova >> 21 & 511] = gpa(l3) | 3;
	/* Access flag, inner shareable, for everyone, a page */
	page(l3)[iova >> 12 & 511] = to | 1 << 10 | 3 << 8 | 1 << 6 | 3;
}

/* The guest's context descriptor: one address space, with that page table. */
static void write_cd(void)
{
	page(CD)[0] = (64 - 39) | 1 << 8 | 1 << 10 | 3 << 12 | 1UL << 30 |
		      1UL << 31 | 2UL << 32 | 7UL << 45 | 1UL << 41 |
		      (unsigned long)ASID << 48;
	page(CD)[1] = gpa(L1);
	page(CD)[3] = 0xff;
}

static const void *capability(const struct vfio_iommu_type1_info *info, int id)
{
	unsigned int at = info->cap_offset;

	while (at) {
		const struct vfio_info_cap_header *header = (void *)info + at;

		if (header->id == id)
			return header;
		at = header->next;
	}
	return NULL;
}

/* Before the guest runs: what its virtual IOMMU can be. */
static void look(void)
{
	static __u64 buffer[512];
	struct vfio_iommu_type1_info *info = (void *)buffer;
	const struct vfio_nested_info_cap *cap;

	info->argsz = sizeof(buffer);
	check(!ioctl(container, VFIO_IOMMU_GET_INFO, info), "GET_INFO");
	cap = capability(info, VFIO_NESTED_INFO_CAP);
	check(cap && cap->model == VFIO_NESTED_MODEL_ARM_SMMUV3 &&
	      cap->ops & VFIO_NESTED_OP_BIND_PASID_TABLE &&
	      cap->ops & VFIO_NESTED_OP_BIND_MSI, "an SMMUv3 that can nest");
	printf("       IOVA %u bits, GPA %u bits, ASID %u bits\n", cap->input_bits,
	       cap->output_bits, cap->asid_bits);
	check(capability(info, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE) &&
	      capability(info, VFIO_NESTED_INFO_CAP_ARM_SMMUV3),
	      "IOVA ranges and registers");
}

#define TARGET { .group_fd = group, .device = (unsigned long)name }

static void bind_table(void)
{
	struct vfio_nested_bind_pasid_table bind = {
		.argsz = sizeof(bind),
		.flags = VFIO_NESTED_BIND_DEVICE_ID,
		.target = TARGET,
		.config = VFIO_NESTED_CONFIG_TRANSLATE,
		.model = VFIO_NESTED_MODEL_ARM_SMMUV3,
		.device_id = VSID,
		.base = gpa(CD),
	};
	const struct vfio_nested_arm_smmuv3_table table = { .s1cir = 1, .s1cor = 1, .s1csh = 3 };

	memcpy(bind.data, &table, sizeof(table));
	check(!ioctl(container, VFIO_NESTED_BIND_PASID_TABLE, &bind), "BIND_PASID_TABLE");
}

static void unbind_table(void)
{
	struct vfio_nested_unbind unbind = { sizeof(unbind), 0, TARGET };

	check(!ioctl(container, VFIO_NESTED_UNBIND_PASID_TABLE, &unbind),
	      "UNBIND_PASID_TABLE");
}

static void bind_msi(void)
{
	struct vfio_nested_bind_msi msi = {
		.argsz = sizeof(msi),
		.target = { .group_fd = group },
		.giova = MSI_IOVA, .gdb = GDB, .size = PAGE,
	};

	check(!ioctl(container, VFIO_NESTED_BIND_MSI, &msi), "BIND_MSI");
}

/* The guest changed what BUF_IOVA is. */
static void invalidate(void)
{
	struct vfio_nested_inv inv = {
		.caches = VFIO_NESTED_INV_IOTLB | VFIO_NESTED_INV_DEV_IOTLB,
		.granularity = VFIO_NESTED_INV_GRANU_ADDR,
		.flags = VFIO_NESTED_INV_HAS_ARCHID | VFIO_NESTED_INV_LEAF,
		.archid = ASID,
		.addr = BUF_IOVA, .granule_size = PAGE, .granule_count = 1,
	};
	struct vfio_nested_cache_invalidate cmd = {
		.argsz = sizeof(cmd),
		.entry_size = sizeof(inv), .entries = (unsigned long)&inv, .count = 1,
	};

	check(!ioctl(container, VFIO_NESTED_CACHE_INVALIDATE, &cmd) &&
	      cmd.count == 1, "CACHE_INVALIDATE");
}

static int interrupt(void)
{
	int event = eventfd(0, EFD_CLOEXEC);
	struct {
		struct vfio_irq_set set;
		__s32 fd;
	} irq = {
		{ sizeof(irq), VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
		  VFIO_PCI_MSI_IRQ_INDEX, 0, 1 }, event,
	};

	check(!ioctl(device, VFIO_DEVICE_SET_IRQS, &irq), "SET_IRQS");
	return event;
}

static void *edu(void)
{
	struct vfio_region_info bar = { .argsz = sizeof(bar) };
	struct vfio_region_info config = {
		.argsz = sizeof(config),
		.index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	__u16 command = 6;	/* memory and bus mastering */
	void *regs;

	check(!ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &bar) &&
	      !ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &config) &&
	      pwrite(device, &command, 2, config.offset + 4) == 2, "the device");
	regs = mmap(NULL, bar.size, PROT_READ | PROT_WRITE, MAP_SHARED, device,
		    bar.offset);
	check(regs != MAP_FAILED, "its registers");
	return regs;
}

#define WRITE(type, reg, value) \
	__atomic_store_n((type *)(regs + (reg)), value, __ATOMIC_RELEASE)

/* edu copies between memory and its buffer. */
static void dma(unsigned char *regs, unsigned long iova, int store, int size)
{
	WRITE(__u64, 0x80, store ? 0x40000 : iova);
	WRITE(__u64, 0x88, store ? iova : 0x40000);
	WRITE(__u64, 0x90, size);
	WRITE(__u64, 0x98, store ? 3 : 1);
	while (__atomic_load_n((__u64 *)(regs + 0x98), __ATOMIC_ACQUIRE) & 1)
		usleep(1000);
}

static int wait_for(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, 2000) == 1 && poll_fd.revents & POLLIN;
}

int main(int argc, char **argv)
{
	struct vfio_iommu_type1_dma_map map_ram = {
		.argsz = sizeof(map_ram),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.iova = RAM_GPA,
		.size = RAM_SIZE,
	};
	struct vfio_nested_event_fd event_fd = { sizeof(event_fd), 0, 16, 0 };
	struct vfio_nested_event event = {};
	unsigned char *regs;
	int irq, events;
	char path[64];

	if (argc != 3)
		return 2;
	name = argv[2];
	snprintf(path, sizeof(path), "/dev/vfio/%s", argv[1]);
	container = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);
	group = open(path, O_RDWR | O_CLOEXEC);
	check(container >= 0 && group >= 0, "container and group");
	check(ioctl(container, VFIO_CHECK_EXTENSION, VFIO_TYPE1_NESTING_IOMMU) == 1,
	      "there is nesting");
	check(!ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) &&
	      !ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1_NESTING_IOMMU),
	      "SET_IOMMU");
	look();

	ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	map_ram.vaddr = (unsigned long)ram;
	check(ram != MAP_FAILED && !ioctl(container, VFIO_IOMMU_MAP_DMA, &map_ram),
	      "MAP_DMA");
	events = ioctl(container, VFIO_NESTED_EVENT_FD, &event_fd);
	check(events >= 0, "EVENT_FD");

	/* The guest's drivers set up the IOMMU, then the device. */
	write_cd();
	map(BUF_IOVA, gpa(BUF_A));
	map(MSI_IOVA, GDB);
	bind_table();
	bind_msi();
	device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, name);
	check(device >= 0, "GET_DEVICE_FD");
	regs = edu();
	irq = interrupt();

	memset(page(BUF_A), 0xa5, PAGE);
	dma(regs, BUF_IOVA, 0, PAGE);
	map(BUF_IOVA, gpa(BUF_B));
	invalidate();
	dma(regs, BUF_IOVA, 1, PAGE);
	check(!memcmp(page(BUF_A), page(BUF_B), PAGE), "DMA through both stages");

	WRITE(__u32, 0x60, 1);
	check(wait_for(irq), "an interrupt through both stages");
	WRITE(__u32, 0x64, 1);

	dma(regs, BUF_IOVA + PAGE, 1, 4);
	check(wait_for(events) &&
	      read(events, &event, sizeof(event)) == sizeof(event), "an event");
	printf("       reason %u, device %#llx, IOVA %#llx, flags %#x\n",
	       event.reason, event.device_id, event.addr, event.flags);
	check(event.reason == VFIO_NESTED_EVENT_TRANSLATION &&
	      event.device_id == VSID && event.addr == BUF_IOVA + PAGE &&
	      event.flags & VFIO_NESTED_EVENT_WRITE, "for a bad access");

	unbind_table();
	dma(regs, gpa(BUF_A), 0, PAGE);
	memset(page(BUF_B), 0, PAGE);
	dma(regs, gpa(BUF_B), 1, PAGE);
	check(!memcmp(page(BUF_A), page(BUF_B), PAGE), "DMA by GPAs");
	return 0;
}
