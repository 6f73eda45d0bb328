// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest's device translates, before your eyes.
 *
 * The program plays both parts that QEMU and a guest kernel have in nested
 * translation: it asks the stock /dev/iommu for the objects, and a VFIO container
 * for the interrupt, and it writes the guest's tables. The device is QEMU's edu,
 * and each claim on the screen is checked. Exit code 0 only when every check held.
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <linux/compiler.h>

#include "lib/edu.h"
#include "lib/guest.h"
#include "lib/iommufd.h"
#include "lib/pci.h"
#include "lib/smmuv3.h"
#include "lib/smmuv3_ioctl.h"
#include "lib/smmuv3_tables.h"
#include "lib/smmuv3_walk.h"
#include "lib/vfio.h"

#define RAM_GPA		0x80000000ULL
#define RAM_SIZE	MIB(4)
#define IOVA_READ	0x1234560000ULL
#define IOVA_WRITE	0x1234561000ULL
#define IOVA_UNMAPPED	0x1234569000ULL
#define IOVA_DOORBELL	0x123456a000ULL
#define GPA_DOORBELL	0x08090000ULL
#define VSID		0xbeef
#define ASID		42

static struct {
	int fd;
	struct edu edu;
	struct guest ram;
	struct iommu_hw_info_arm_smmuv3 info;
	__u32 ioas, s2, viommu, vdevice, queue, hwpt;
	int queue_fd;
	struct s1 s1;
	__u64 *cd;
	__u64 ste[2];
	unsigned char *a, *b, *c;	/* three pages of the guest */
	bool color;
	unsigned int checks, failed;
} demo;

static const char *paint(const char *code)
{
	return demo.color ? code : "";
}

#define BOLD	paint("\033[1m")
#define GREEN	paint("\033[32m")
#define RED	paint("\033[31m")
#define PLAIN	paint("\033[0m")

__printf(1, 2)
static void title(const char *format, ...)
{
	va_list args;

	printf("\n%s", BOLD);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("%s\n", PLAIN);
}

__printf(2, 3)
static void check(bool ok, const char *format, ...)
{
	va_list args;

	demo.checks++;
	if (!ok)
		demo.failed++;
	printf("  %s%s%s ", ok ? GREEN : RED, ok ? "[ ok ]" : "[FAIL]", PLAIN);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

/* A step without which nothing further makes sense. */
static void need(int rc, const char *what)
{
	if (rc >= 0)
		return;
	fflush(stdout);
	fprintf(stderr, "%s: %s\n", what, strerror(-rc));
	exit(EXIT_FAILURE);
}

static void *page(void)
{
	void *va = guest_alloc(&demo.ram, GUEST_PAGE);

	need(va ? 0 : -ENOMEM, "guest memory");
	return va;
}

static void open_host(void)
{
	struct iommu_hw_info cmd = { 0 };
	char driver[64];
	int rc;

	title("1. The host: a device, its SMMU, and memory for a guest");
	demo.fd = iommufd_open();
	need(demo.fd, "/dev/iommu");
	need(edu_open(&demo.edu, 0, demo.fd), "edu device through vfio");
	need(iommufd_hw_info(demo.fd, demo.edu.dev, &cmd, &demo.info,
			     sizeof(demo.info)), "IOMMU_GET_HW_INFO");
	need(guest_init(&demo.ram, RAM_SIZE, RAM_GPA), "guest memory");
	need(iommufd_ioas_alloc(demo.fd, &demo.ioas), "IOMMU_IOAS_ALLOC");
	need(iommufd_ioas_map(demo.fd, demo.ioas, demo.ram.ram, RAM_SIZE,
			      RAM_GPA), "IOMMU_IOAS_MAP");
	need(iommufd_hwpt_alloc(demo.fd, demo.edu.dev, demo.ioas,
				IOMMU_HWPT_ALLOC_NEST_PARENT, &demo.s2),
	     "IOMMU_HWPT_ALLOC (nesting parent)");
	rc = iommufd_viommu_alloc(demo.fd, demo.edu.dev, demo.s2,
				  IOMMU_VIOMMU_TYPE_ARM_SMMUV3, &demo.viommu);
	need(rc, "IOMMU_VIOMMU_ALLOC (does the driver nest on this SMMU?)");
	need(iommufd_vdevice_alloc(demo.fd, demo.viommu, demo.edu.dev, VSID,
				   &demo.vdevice), "IOMMU_VDEVICE_ALLOC");
	need(iommufd_veventq_alloc(demo.fd, demo.viommu,
				   IOMMU_VEVENTQ_TYPE_ARM_SMMUV3, 16,
				   &demo.queue, &demo.queue_fd),
	     "IOMMU_VEVENTQ_ALLOC");

	printf("  device    %s, QEMU edu, through vfio-pci\n", demo.edu.bdf);
	need(pci_iommu_driver(demo.edu.bdf, driver, sizeof(driver)),
	     "the SMMU's driver in sysfs");
	printf("  SMMU      driven by %s; IDR0 %08x  IDR1 %08x  IDR3 %08x  IDR5 %08x\n",
	       driver, demo.info.idr[0], demo.info.idr[1], demo.info.idr[3],
	       demo.info.idr[5]);
	printf("  memory    GPA %#llx to %#llx, %zu MiB of this process\n",
	       RAM_GPA, RAM_GPA + RAM_SIZE - 1, RAM_SIZE >> 20);
	printf("  stage 2   nesting parent, hwpt %u over IOAS %u\n", demo.s2,
	       demo.ioas);
	printf("  vIOMMU    %u, and in it the device under the guest's name: vSID %#x\n",
	       demo.viommu, VSID);
}

static void build_guest(void)
{
	title("2. The guest: an STE, a context descriptor, stage-1 tables");
	need(s1_init(&demo.s1, &demo.ram, 12, 39), "guest tables");
	demo.a = page();
	demo.b = page();
	demo.c = page();
	demo.cd = page();
	need(s1_map(&demo.s1, IOVA_READ, guest_gpa(&demo.ram, demo.a)), "map");
	need(s1_map(&demo.s1, IOVA_WRITE, guest_gpa(&demo.ram, demo.b)), "map");
	cd_write(demo.cd, &demo.s1, ASID, IDR5_OAS(demo.info.idr[5]));
	ste_s1(demo.ste, guest_gpa(&demo.ram, demo.cd), 0);
	need(iommufd_hwpt_alloc_ste(demo.fd, demo.edu.dev, demo.viommu,
				    demo.ste, &demo.hwpt),
	     "IOMMU_HWPT_ALLOC (vSTE)");
	need(edu_attach(&demo.edu, demo.hwpt), "attach");
	printf("  page A    GPA %#llx   the device reads it as  IOVA %#llx\n",
	       guest_gpa(&demo.ram, demo.a), IOVA_READ);
	printf("  page B    GPA %#llx   the device writes it as IOVA %#llx\n",
	       guest_gpa(&demo.ram, demo.b), IOVA_WRITE);
	printf("  page C    GPA %#llx   not mapped yet\n",
	       guest_gpa(&demo.ram, demo.c));
	printf("  the vSTE became hwpt %u, and the device is attached to it\n",
	       demo.hwpt);
}

/* One line of the walk: what is looked at, where it is, what is in it. */
static void print_step(const char *what, const char *space, __u64 at,
		       __u64 contents)
{
	printf("    | %-11s %-4s %#11llx  %016llx  ", what, space, at, contents);
}

static void print_walk(__u64 iova)
{
	struct walk walk;
	unsigned int i;

	need(walk_iova(&demo.ram, demo.ste, iova, &walk), "walk");
	printf("  %sIOVA %#llx%s\n", BOLD, iova, PLAIN);
	print_step("STE", "vSID", VSID, walk.ste[0]);
	printf("descriptors at GPA %#llx\n", walk.cd_gpa);
	print_step("CD", "GPA", walk.cd_gpa, walk.cd[0]);
	printf("ASID %llu, tables at GPA %#llx\n", CD0_GET_ASID(walk.cd[0]),
	       walk.cd[1] & CD1_TTB0);
	for (i = 0; i < walk.num_steps; i++) {
		const struct walk_step *step = &walk.step[i];
		char what[16];

		snprintf(what, sizeof(what), "stage 1 L%u", step->level);
		print_step(what, "GPA", step->gpa, step->descriptor);
		if (step->descriptor & S1_VALID)
			printf("index %3u, %s at GPA %#llx\n", step->index,
			       i + 1 < walk.num_steps ? "table" : "page",
			       step->descriptor & S1_ADDRESS);
		else
			printf("index %3u, not valid\n", step->index);
	}
	if (!walk.mapped) {
		printf("    %sx no translation%s\n", RED, PLAIN);
		return;
	}
	printf("    | %-11s %-4s %#11llx  %16s  the host's own tables\n",
	       "stage 2", "GPA", walk.gpa, "");
	if (walk.hpa)
		printf("    v %sHPA %#llx%s\n", BOLD, walk.hpa, PLAIN);
	else
		printf("    v HPA not known: /proc/self/pagemap needs CAP_SYS_ADMIN\n");
}

/* New contents in page A, none in B and C; then A goes through the device. */
static void transfer(void)
{
	static unsigned int seed = 1;
	unsigned int i;

	for (i = 0; i < GUEST_PAGE; i++)
		demo.a[i] = (seed * 167 + i * 13 + (i >> 8)) & 0xff;
	seed++;
	memset(demo.b, 0, GUEST_PAGE);
	memset(demo.c, 0, GUEST_PAGE);
	need(edu_load(&demo.edu, IOVA_READ, 0, GUEST_PAGE), "DMA read");
	need(edu_store(&demo.edu, IOVA_WRITE, 0, GUEST_PAGE), "DMA write");
}

static bool same(const unsigned char *to)
{
	return !memcmp(to, demo.a, GUEST_PAGE);
}

static bool clean(const unsigned char *page)
{
	return !page[0] && !memcmp(page, page + 1, GUEST_PAGE - 1);
}

static void run_dma(void)
{
	title("3. DMA both ways, through both stages");
	print_walk(IOVA_READ);
	print_walk(IOVA_WRITE);
	transfer();
	check(same(demo.b), "4096 bytes of page A went into the device and out to page B");
	check(clean(demo.c), "page C is untouched");
}

static void remap(void)
{
	struct smmu_cmd cmd = smmu_tlbi_va(ASID, IOVA_WRITE);
	__u32 done = 1;

	title("4. The guest moves IOVA %#llx from page B to page C", IOVA_WRITE);
	need(s1_map(&demo.s1, IOVA_WRITE, guest_gpa(&demo.ram, demo.c)), "map");
	print_walk(IOVA_WRITE);
	transfer();
	check(same(demo.b) && clean(demo.c),
	      "stale: the SMMU has the old translation cached, page B got the data");

	printf("  the guest's command TLBI_NH_VA %016llx %016llx is forwarded\n",
	       cmd.w[0], cmd.w[1]);
	need(iommufd_invalidate(demo.fd, demo.viommu, &cmd, &done),
	     "IOMMU_HWPT_INVALIDATE");
	check(done == 1, "%u command issued and completed", done);
	transfer();
	check(same(demo.c) && clean(demo.b),
	      "new: page C got the data, page B did not");
}

static void take_fault(void)
{
	struct {
		struct iommufd_vevent_header header;
		struct iommu_vevent_arm_smmuv3 data;
	} event = { 0 };
	struct pollfd poll_fd = { .fd = demo.queue_fd, .events = POLLIN };
	const __u64 *evt = event.data.evt;

	title("5. A DMA that the guest never allowed");
	print_walk(IOVA_UNMAPPED);
	need(edu_store(&demo.edu, IOVA_UNMAPPED, 0, 4), "DMA write");
	if (poll(&poll_fd, 1, 2000) != 1 ||
	    read(demo.queue_fd, &event, sizeof(event)) != sizeof(event)) {
		check(false, "no event came out of the vEVENTQ");
		return;
	}
	printf("  event out of the vEVENTQ: %016llx %016llx %016llx %016llx\n",
	       evt[0], evt[1], evt[2], evt[3]);
	check(EVT0_TYPE(evt) == EVT_F_TRANSLATION, "the guest gets %s",
	      smmu_event_name(EVT0_TYPE(evt)));
	check(EVT0_SID(evt) == VSID,
	      "for its own name of the device, vSID %#llx", EVT0_SID(evt));
	check(EVT2_ADDRESS(evt) == IOVA_UNMAPPED, "at IOVA %#llx",
	      EVT2_ADDRESS(evt));
	check(same(demo.c) && clean(demo.b), "no memory was written");
}

/* The same guest in a VFIO container: iommufd can't give it its own doorbell. */
static void take_interrupt(void)
{
	struct vfio_nested_bind_pasid_table bind = {
		.config = VFIO_NESTED_CONFIG_TRANSLATE,
		.model = VFIO_NESTED_MODEL_ARM_SMMUV3,
		.base = guest_gpa(&demo.ram, demo.cd),
	};
	int event = eventfd(0, EFD_CLOEXEC), container = vfio_open();
	struct pollfd poll_fd = { .fd = event, .events = POLLIN };
	struct walk walk;
	__u64 message;

	title("6. The device's interrupt, to the guest's own doorbell");
	edu_close(&demo.edu);
	close(demo.fd);
	need(event, "eventfd");
	need(container, "/dev/vfio/vfio");
	need(edu_open_group(&demo.edu, 0, container), "VFIO group");
	need(vfio_set_iommu(container, VFIO_TYPE1_NESTING_IOMMU),
	     "VFIO_SET_IOMMU");
	need(vfio_map(container, demo.ram.ram, RAM_SIZE, RAM_GPA),
	     "VFIO_IOMMU_MAP_DMA");
	bind.target.group_fd = demo.edu.group;
	need(vfio_bind(container, &bind), "VFIO_NESTED_BIND_PASID_TABLE");
	need(vfio_bind_msi(container, bind.target, IOVA_DOORBELL, GPA_DOORBELL,
			   GUEST_PAGE), "VFIO_NESTED_BIND_MSI");
	need(edu_open_device(&demo.edu), "VFIO_GROUP_GET_DEVICE_FD");
	need(s1_map(&demo.s1, IOVA_DOORBELL, GPA_DOORBELL), "map");
	need(edu_set_irq(&demo.edu, event), "VFIO_DEVICE_SET_IRQS");
	need(pci_msi_address(demo.edu.bdf, &message), "its MSI capability");
	need(walk_iova(&demo.ram, demo.ste, message, &walk), "walk");
	edu_raise_irq(&demo.edu);
	check(walk.mapped && poll(&poll_fd, 1, 2000) == 1,
	      "MSI: IOVA %#llx -- stage 1 --> GPA %#llx -- stage 2 --> the host's doorbell",
	      message, walk.gpa);
}

int main(void)
{
	demo.color = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
	printf("IOVA -- stage 1, the guest's --> GPA -- stage 2, the host's --> HPA\n");
	open_host();
	build_guest();
	run_dma();
	remap();
	take_fault();
	take_interrupt();

	title("%u of %u checks hold", demo.checks - demo.failed, demo.checks);
	return demo.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
