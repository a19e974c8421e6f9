/* SoftHSM's module with what its tokens never do, told by the environment: flags of the token, a keypad of
 * its own, signing in steps. (PKCS#11 2.40, section 5; the function list is a version and 68 pointers.) */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long ulong;

struct list {
	unsigned char version[2];
	void *calls[68];
};

enum { TOKEN_INFO = 6, LOGIN = 18, SIGN = 43, SIGN_UPDATE = 44, SIGN_FINAL = 45 };

/* Where CK_TOKEN_INFO has its flags: after label, manufacturer, model and serial number. */
enum { FLAGS = 32 + 32 + 16 + 16 };

static struct list real, mine;
static unsigned char kept[512];
static ulong kept_length;

static ulong token_info(ulong slot, unsigned char *info)
{
	const char *more = getenv("SHIM_FLAGS");
	ulong result = ((ulong (*)(ulong, unsigned char *))real.calls[TOKEN_INFO])(slot, info), flags;

	memcpy(&flags, info + FLAGS, sizeof flags);
	flags |= more ? strtoul(more, NULL, 16) : 0;
	memcpy(info + FLAGS, &flags, sizeof flags);
	return result;
}

/* No PIN from the computer: the one that was typed here. */
static ulong login(ulong session, ulong user, const char *pin, ulong length)
{
	const char *typed = getenv("SHIM_PIN");

	if (!pin && typed) {
		pin = typed;
		length = strlen(typed);
	}
	return ((ulong (*)(ulong, ulong, const char *, ulong))real.calls[LOGIN])(session, user, pin, length);
}

static ulong sign_update(ulong session, const unsigned char *part, ulong length)
{
	(void)session;
	if (length > sizeof kept - kept_length)
		return 0x21; /* CKR_DATA_LEN_RANGE */
	memcpy(kept + kept_length, part, length);
	kept_length += length;
	return 0;
}

static ulong sign_final(ulong session, unsigned char *signature, ulong *length)
{
	ulong result = ((ulong (*)(ulong, unsigned char *, ulong, unsigned char *, ulong *))real.calls[SIGN])(
		session, kept, kept_length, signature, length);

	if (signature)
		kept_length = 0;
	return result;
}

ulong C_GetFunctionList(struct list **given)
{
	void *module = dlopen("/usr/lib/softhsm/libsofthsm2.so", RTLD_NOW);
	ulong (*get)(struct list **) = module ? (ulong (*)(struct list **))dlsym(module, "C_GetFunctionList") : NULL;
	struct list *list;

	if (!get || get(&list))
		return 5; /* CKR_GENERAL_ERROR */
	real = mine = *list;
	mine.calls[TOKEN_INFO] = (void *)token_info;
	mine.calls[LOGIN] = (void *)login;
	if (getenv("SHIM_STEPS")) {
		mine.calls[SIGN_UPDATE] = (void *)sign_update;
		mine.calls[SIGN_FINAL] = (void *)sign_final;
	}
	*given = &mine;
	return 0;
}
