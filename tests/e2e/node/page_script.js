/* A script for that server, in the same manner. The second number is what the events themselves say. */
var m = {};

exports['request:start'] = function(trace){
  m[trace.id] = trace.timestamp;
};

exports['request:end'] = function(trace){
  var d = Date.now() - m[trace.id];
  console.log('%s -> %sms %d', trace.id, d, trace.timestamp - m[trace.id]);
};
