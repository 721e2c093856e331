import time  
from redis import StrictRedis

# 创建连接
# 默认情况下，所有响应都以字节的形式返回。用户负责解码。如果客户机的所有字符串响应都应该被解码，那么用户可以指定decode_responses=True to StrictRedis。在这种情况下，任何返回字符串类型的Redis命令都将用指定的编码进行解码。
redis = StrictRedis(host='localhost', port=6379)

# redis 发布订阅
pubsub = redis.pubsub()  
# 监听通知
pubsub.psubscribe('__keyspace@0__:*')

# 开始消息循环
print('Starting message loop')  
while True:  
   	# 获取消息
    # 如果有数据，get_message()将读取并返回它。如果没有数据，该方法将不返回任何数据。
    message = pubsub.get_message()
    if message:
        print(message)
    else:
        time.sleep(0.01)
