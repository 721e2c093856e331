/* The causes of records that have a code of one byte: commands that change data, by the length of
 * their names, the more frequent ones first. X(code, name). As with EVENTS, a code is for ever; a
 * new name takes one that no other had, at most 255. Any other name is stored as text. */
#ifndef HARK_RECORD_CAUSES_H
#define HARK_RECORD_CAUSES_H

#define CAUSES_3(X) X(1, "set") X(2, "del")
#define CAUSES_4(X)                                                                         \
    X(5, "exec")                                                                            \
    X(6, "incr")                                                                            \
    X(7, "decr")                                                                            \
    X(15, "mset")                                                                           \
    X(18, "hset")                                                                           \
    X(21, "sadd")                                                                           \
    X(22, "zadd")                                                                           \
    X(23, "xadd") X(34, "copy") X(45, "hdel") X(62, "lpop") X(64, "lrem") X(65, "lset")     \
        X(67, "move") X(77, "rpop") X(86, "sort") X(87, "spop") X(88, "srem") X(91, "xack") \
            X(95, "xdel") X(107, "zrem") X(112, "eval")
#define CAUSES_5(X)                                                                           \
    X(10, "setex")                                                                            \
    X(19, "lpush")                                                                            \
    X(20, "rpush")                                                                            \
    X(25, "bitop")                                                                            \
    X(28, "blpop")                                                                            \
    X(29, "brpop")                                                                            \
    X(35, "delex")                                                                            \
    X(43, "getex") X(52, "hmset") X(60, "lmove") X(61, "lmpop") X(66, "ltrim") X(72, "pfadd") \
        X(82, "setnx") X(85, "smove") X(99, "xtrim") X(103, "zmpop") X(114, "fcall")
#define CAUSES_6(X)                                                                         \
    X(8, "expire")                                                                          \
    X(11, "psetex")                                                                         \
    X(12, "incrby")                                                                         \
    X(13, "decrby")                                                                         \
    X(14, "append")                                                                         \
    X(16, "getdel")                                                                         \
    X(17, "unlink")                                                                         \
    X(26, "blmove") X(27, "blmpop") X(31, "bzmpop") X(39, "geoadd") X(44, "getset")         \
        X(49, "hgetex") X(56, "hsetex") X(57, "hsetnx") X(63, "lpushx") X(68, "msetex")     \
            X(69, "msetnx") X(74, "rename") X(79, "rpushx") X(81, "setbit") X(90, "swapdb") \
                X(94, "xclaim") X(96, "xdelex") X(98, "xsetid") X(115, "xgroup")
#define CAUSES_7(X)                                                                      \
    X(3, "expired")                                                                      \
    X(4, "evicted")                                                                      \
    X(9, "pexpire")                                                                      \
    X(38, "flushdb")                                                                     \
    X(46, "hexpire")                                                                     \
    X(48, "hgetdel")                                                                     \
    X(50, "hincrby")                                                                     \
    X(59, "linsert") X(70, "persist") X(73, "pfmerge") X(76, "restore") X(92, "xackdel") \
        X(101, "zincrby") X(104, "zpopmax") X(105, "zpopmin") X(113, "evalsha")
#define CAUSES_8(X)   \
    X(24, "bitfield") \
    X(32, "bzpopmax") \
    X(33, "bzpopmin") \
    X(36, "expireat") \
    X(37, "flushall") \
    X(53, "hpersist") X(54, "hpexpire") X(75, "renamenx") X(83, "setrange") X(116, "function")
#define CAUSES_9(X) X(40, "georadius") X(47, "hexpireat") X(71, "pexpireat") X(78, "rpoplpush")
#define CAUSES_10(X)    \
    X(30, "brpoplpush") \
    X(55, "hpexpireat") \
    X(80, "sdiffstore") X(93, "xautoclaim") X(97, "xreadgroup") X(100, "zdiffstore")
#define CAUSES_11(X)     \
    X(58, "incrbyfloat") \
    X(84, "sinterstore") \
    X(89, "sunionstore") X(102, "zinterstore") X(106, "zrangestore") X(111, "zunionstore")
#define CAUSES_12(X) X(51, "hincrbyfloat")
#define CAUSES_14(X) X(42, "geosearchstore") X(108, "zremrangebylex")
#define CAUSES_15(X) X(109, "zremrangebyrank")
#define CAUSES_16(X) X(110, "zremrangebyscore")
#define CAUSES_17(X) X(41, "georadiusbymember")

#define CAUSE_LENGTHS(L) \
    L(3) L(4) L(5) L(6) L(7) L(8) L(9) L(10) L(11) L(12) L(14) L(15) L(16) L(17)

#endif
