"""Pairs of scalar expressions as an assessment system meets them: equal (≡) and different (≢) ones.

Equal means equal wherever both are defined in the reals. The truth of each pair is tested in mpmath, at simple numbers
and at random ones; see `tests/verification/test_expression_pairs.py`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

from mpmath import mp, mpf
from paper import Network, Point, UndefinedError, letters_of, read

PAIRS = {
    "expanded and factored": """
(x + y)**2 ≡ x**2 + 2*x*y + y**2
(x - 1)*(x + 1) ≡ x**2 - 1
(x + 1)**3 ≡ x**3 + 3*x**2 + 3*x + 1
(a - b)*(a**2 + a*b + b**2) ≡ a**3 - b**3
(x**2 + y**2)*(u**2 + v**2) ≡ (x*u + y*v)**2 + (x*v - y*u)**2
x**4 + 4*y**4 ≡ (x**2 - 2*x*y + 2*y**2)*(x**2 + 2*x*y + 2*y**2)
-(x - y) ≡ y - x
(x - y)**2 ≡ (y - x)**2
(x - y)**4 ≡ (y - x)**4
x*(y + 3) - 3*x ≡ x*y
(x + y + u)**2 ≡ x**2 + y**2 + u**2 + 2*x*y + 2*x*u + 2*y*u
(2*x - 3)*(3*x + 2) ≡ 6*x**2 - 5*x - 6
x**6 - 1 ≡ (x - 1)*(x + 1)*(x**2 + x + 1)*(x**2 - x + 1)
(x + 1)**10 - (x + 1)**9 ≡ x*(x + 1)**9
4*x*y ≡ (x + y)**2 - (x - y)**2
(x + y)**2 ≢ x**2 + y**2
(x - y)**3 ≢ (y - x)**3
(x - 1)*(x + 1) ≢ x**2 + 1
x**2 - 2*x ≢ x*(x + 2)
(x + 1)**3 ≢ x**3 + 3*x**2 + 3*x
2*(x + 3) ≢ 2*x + 3
-(x - y) ≢ -x - y
x**3 ≢ 3*x
(2*x)**2 ≢ 2*x**2
x**2*x**3 ≢ x**6
(x**2)**3 ≢ x**5
x**6 - 1 ≢ (x**2 - 1)*(x**4 - x**2 + 1)
(x + y + u)**2 ≢ x**2 + y**2 + u**2
(x + 1)**10 ≢ x**10 + 10*x + 1
x*y*u ≢ x*y + u
""",
    "fractions": """
1/x + 1/y ≡ (x + y)/(x*y)
(x**2 - 1)/(x - 1) ≡ x + 1
x/x ≡ 1
(x**3 - 8)/(x - 2) ≡ x**2 + 2*x + 4
1/(x*(x + 1)) ≡ 1/x - 1/(x + 1)
1/(1 - x) ≡ -1/(x - 1)
a/b/c ≡ a/(b*c)
a/(b/c) ≡ a*c/b
(a/b)**(-2) ≡ b**2/a**2
x/(1 + x) ≡ 1 - 1/(1 + x)
1/(1 + 1/(1 + 1/x)) ≡ (x + 1)/(2*x + 1)
2*x/(x**2 - 1) ≡ 1/(x - 1) + 1/(x + 1)
(x**4 - y**4)/(x**2 + y**2) ≡ x**2 - y**2
x**(-1) ≡ 1/x
(x**2 + 3*x + 2)/(x**2 + 4*x + 3) ≡ (x + 2)/(x + 3)
1/(x**2 + 1) + x**2/(x**2 + 1) ≡ 1
(a*x + b)/(c*x + d) ≡ a/c + (b - a*d/c)/(c*x + d)
-x/y ≡ x/(-y)
1/2*x ≡ x/2
3/4 + 1/6 ≡ 11/12
1/x + 1/y ≢ 2/(x + y)
1/(x + y) ≢ 1/x + 1/y
a/b/c ≢ a/(b/c)
a/b*c ≢ a/(b*c)
(x + y)/x ≢ y
(x**2 + 1)/(x + 1) ≢ x + 1
x/(1 + x) ≢ 1/(1 + x)
1/(2*x) ≢ x/2
-1/2*x ≢ -1/(2*x)
(a/b)**(-2) ≢ a**2/b**2
x**(-1) ≢ -x
1/(x*(x + 1)) ≢ 1/x + 1/(x + 1)
(x**2 + 3*x + 2)/(x**2 + 4*x + 3) ≢ (3*x + 2)/(4*x + 3)
1/(1 - x) ≢ 1/(x - 1)
3/4 + 1/6 ≢ 4/10
(x - 3)/(x - 2) ≢ 3/2
""",
    "numbers": """
0.5 ≡ 1/2
0.125*x ≡ x/8
1.50 ≡ 3/2
0.1 + 0.2 ≡ 0.3
2**10 ≡ 1024
(-2)**3 ≡ -8
-2**2 ≡ -4
4**(1/2) ≡ 2
8**(2/3) ≡ 4
8**(-1/3) ≡ 1/2
1.25*x + 0.75*x ≡ 2*x
7 ≡ 7.0
2**100 - 2**99 ≡ 2**99
10**20 + 1 - 10**20 ≡ 1
pi ≢ 22/7
0.333 ≢ 1/3
0.3333333333*x ≢ x/3
3.14159265358979 ≢ pi
2.718281828459045 ≢ exp(1)
1.41421356*x ≢ sqrt(2)*x
-2**2 ≢ 4
2**3**2 ≢ 64
2**3**2 ≡ 512
0.1 + 0.2 ≢ 0.30000000000000004
10**20 + 1 ≢ 10**20
1 ≢ 0.999999999999
x ≢ 1.000001*x
x + 1e-9 ≢ x
x**2 + 1/1000000 ≢ x**2
163 ≢ (log(262537412640768744)/pi)**2
exp(pi*sqrt(163)) ≢ 262537412640768744
1/998001 ≢ 0.000001002003004005
""",
    "powers and roots": """
sqrt(x**2) ≡ abs(x)
sqrt(x)**2 ≡ x
sqrt(x)*sqrt(y) ≡ sqrt(x*y)
sqrt(x)/sqrt(y) ≡ sqrt(x/y)
sqrt(4*x) ≡ 2*sqrt(x)
x**(1/2) ≡ sqrt(x)
x*sqrt(x) ≡ x**(3/2)
1/sqrt(x) ≡ sqrt(x)/x
1/(sqrt(x) - sqrt(y)) ≡ (sqrt(x) + sqrt(y))/(x - y)
sqrt(x + 1) - sqrt(x) ≡ 1/(sqrt(x + 1) + sqrt(x))
sqrt(8) ≡ 2*sqrt(2)
sqrt(2)*sqrt(3) ≡ sqrt(6)
1/sqrt(2) ≡ sqrt(2)/2
(1 + sqrt(2))**2 ≡ 3 + 2*sqrt(2)
1/(1 + sqrt(2)) ≡ sqrt(2) - 1
sqrt(3 + 2*sqrt(2)) ≡ 1 + sqrt(2)
sqrt(5 + 2*sqrt(6)) ≡ sqrt(2) + sqrt(3)
sqrt(2 + sqrt(3)) ≡ (sqrt(6) + sqrt(2))/2
cbrt(2 + sqrt(5)) ≡ (1 + sqrt(5))/2
cbrt(x)**3 ≡ x
cbrt(x**3) ≡ x
cbrt(-x) ≡ -cbrt(x)
sqrt(x**4) ≡ x**2
sqrt(x**2*y**2) ≡ abs(x)*abs(y)
sqrt(x**6) ≡ abs(x)**3
(x**2)**(1/2) ≡ abs(x)
sqrt((x - 3)**2) ≡ abs(3 - x)
x**a*x**b ≡ x**(a + b)
(x*y)**(1/2) ≡ sqrt(abs(x))*sqrt(abs(y))
2**x*3**x ≡ 6**x
4**x ≡ (2**x)**2
2**(x + 3) ≡ 8*2**x
(1/2)**x ≡ 2**(-x)
exp(x*log(2)) ≡ 2**x
sqrt(2)**x ≡ 2**(x/2)
sqrt(x**2) ≢ x
sqrt(x**2) ≢ -x
sqrt(x**2 + y**2) ≢ x + y
sqrt(x + y) ≢ sqrt(x) + sqrt(y)
sqrt(x**6) ≢ x**3
sqrt(8) ≢ 4*sqrt(2)
1/(1 + sqrt(2)) ≢ 1 - sqrt(2)
sqrt(2) + sqrt(3) ≢ sqrt(5)
sqrt(3 + 2*sqrt(2)) ≢ 1 + sqrt(3)
sqrt(2) + sqrt(3) ≢ 3.14626
x**(1/3) ≢ 1/x**3
2**x*3**x ≢ 5**x
2**x*2**y ≢ 4**(x*y)
2**(x + 3) ≢ 6**x
4**x ≢ 2*2**x
(2**x)**2 ≢ 2**(x**2)
x**2 ≢ 2**x
sqrt((x - 3)**2) ≢ x - 3
sqrt(x*y) ≢ x*sqrt(y)
x*sqrt(x) ≢ x**(5/2)
cbrt(x**2) ≢ x
cbrt(x + y) ≢ cbrt(x) + cbrt(y)
(-x)**3 ≢ x**3
sqrt(10001) ≢ 100 + 1/200
sqrt(2)*sqrt(3) ≢ sqrt(5)
""",
    "absolute values and signs": """
abs(x)**2 ≡ x**2
abs(-x) ≡ abs(x)
abs(x*y) ≡ abs(x)*abs(y)
x*sign(x) ≡ abs(x)
abs(x)/x ≡ sign(x)
x/abs(x) ≡ abs(x)/x
abs(abs(x)) ≡ abs(x)
sign(x)*abs(x) ≡ x
max(x, y) ≡ (x + y + abs(x - y))/2
min(x, y) ≡ (x + y - abs(x - y))/2
max(x, y) + min(x, y) ≡ x + y
max(x, 0) ≡ (x + abs(x))/2
max(x, 0) - max(-x, 0) ≡ x
relu(x) ≡ max(0, x)
max(x, y) ≡ -min(-x, -y)
where(x > 0, x, -x) ≡ abs(x)
abs(x**2 + 1) ≡ x**2 + 1
abs(x - y) ≡ abs(y - x)
abs(exp(x)) ≡ exp(x)
abs(x) ≢ x
abs(x + y) ≢ abs(x) + abs(y)
abs(x)**3 ≢ x**3
abs(x) ≢ -x
sign(x)**2 ≢ 1
sign(x) ≢ x
max(x, y) ≢ (x + y)/2
max(x, y) ≢ x
min(x, y) ≢ -max(x, y)
abs(x - 1) ≢ abs(x) - 1
abs(x**2 - 1) ≢ x**2 - 1
relu(x) ≢ abs(x)
relu(x) ≢ x
max(x, 0)**2 ≢ x**2
max(x, 5) ≢ x
max(x, -100) ≢ x
where(x > 2, x, 2) ≢ x
[x > 0] ≢ [x < 0]
""",
    "floor": """
floor(x + 1) ≡ floor(x) + 1
floor(3.7) ≡ 3
floor(-0.5) ≡ -1
floor(floor(x)) ≡ floor(x)
floor(x) ≢ x
floor(x) ≢ -floor(-x)
floor(2*x) ≢ 2*floor(x)
floor(x + 1/2) ≢ floor(x)
floor(x) ≢ x - 1/2
floor(x + y) ≢ floor(x) + floor(y)
""",
    "logarithms": """
log(x*y) ≡ log(x) + log(y)
log(x/y) ≡ log(x) - log(y)
log(x**2) ≡ 2*log(x)
log(x**2) ≡ 2*log(abs(x))
log(1/x) ≡ -log(x)
exp(log(x)) ≡ x
log(exp(x)) ≡ x
log(sqrt(x)) ≡ log(x)/2
exp(2*log(x)) ≡ x**2
exp(-log(x)) ≡ 1/x
log(8)/log(2) ≡ 3
log2(x) ≡ log(x)/log(2)
log10(1000) ≡ 3
log10(x) ≡ log(x)/log(10)
log(2*x) ≡ log(2) + log(x)
log(x + y) ≡ log(x) + log(1 + y/x)
x**y ≡ exp(y*log(x))
x**log(y) ≡ y**log(x)
log(6) ≡ log(2) + log(3)
log(x**3*y**2) ≡ 3*log(x) + 2*log(y)
log((1 + x)/(1 - x)) ≡ log(1 + x) - log(1 - x)
log1p(x) ≡ log(1 + x)
expm1(x) ≡ exp(x) - 1
log(1 + exp(x)) ≡ x + log(1 + exp(-x))
log(x - 1) ≡ log((x**2 - 1)/(x + 1))
log(abs(x)) ≡ log(x**2)/2
log(x + y) ≢ log(x) + log(y)
log(x*y) ≢ log(x)*log(y)
log(x/y) ≢ log(x)/log(y)
log(x)**2 ≢ 2*log(x)
log(x**2) ≢ log(x)**2
log(x**2) ≢ 2*log(x) + 1
log(abs(x)) ≢ log(x**2)
log(2*x) ≢ 2*log(x)
log(6) ≢ log(2)*log(3)
log2(x) ≢ log(x)/2
log10(x) ≢ log(x)
exp(2*log(x)) ≢ 2*x
exp(-log(x)) ≢ -x
log(1 + x) ≢ x
log(1 + exp(x)) ≢ x
log(1/x) ≢ 1/log(x)
x**y ≢ y**x
log(x + 1) ≢ log(x) + 1
log(exp(x) + 1) ≢ x + 1
log(8)/log(2) ≢ log(4)
""",
    "exponentials": """
exp(x)*exp(y) ≡ exp(x + y)
exp(x)**2 ≡ exp(2*x)
1/exp(x) ≡ exp(-x)
exp(x)/exp(y) ≡ exp(x - y)
sqrt(exp(x)) ≡ exp(x/2)
exp(x)**y ≡ exp(x*y)
(exp(x) - 1)*(exp(x) + 1) ≡ exp(2*x) - 1
exp(x)/(1 + exp(x)) ≡ 1/(1 + exp(-x))
sigmoid(x) ≡ 1/(1 + exp(-x))
sigmoid(-x) ≡ 1 - sigmoid(x)
sigmoid(x) ≡ (1 + tanh(x/2))/2
sigmoid(x)*(1 - sigmoid(x)) ≡ exp(-x)/(1 + exp(-x))**2
sigmoid(x)*(1 - sigmoid(x)) ≡ 1/(2 + exp(x) + exp(-x))
softplus(x) - softplus(-x) ≡ x
log(sigmoid(x)/(1 - sigmoid(x))) ≡ x
exp(0) ≡ 1
exp(x + log(2)) ≡ 2*exp(x)
tanh(x) ≡ 2*sigmoid(2*x) - 1
exp(x)/(exp(x) + exp(y)) ≡ sigmoid(x - y)
exp(x)*exp(y) ≢ exp(x*y)
exp(x) + exp(y) ≢ exp(x + y)
exp(x)**2 ≢ exp(x**2)
exp(-x) ≢ -exp(x)
sigmoid(-x) ≢ -sigmoid(x)
sigmoid(x) ≢ (1 + tanh(x))/2
sigmoid(x)*(1 - sigmoid(x)) ≢ exp(-x)/(1 + exp(-x))
exp(x)/(1 + exp(x)) ≢ 1/(1 + exp(x))
sigmoid(x)**2 ≢ sigmoid(2*x)
softplus(x) ≢ relu(x)
sigmoid(x) ≢ step(x)
exp(x) ≢ 1 + x + x**2/2 + x**3/6 + x**4/24 + x**5/120
exp(x/1000) ≢ 1 + x/1000
tanh(x) ≢ sigmoid(2*x)
tanh(100*x) ≢ sign(x)
exp(-x**2) ≢ exp(x**2)**2
exp(x)/(exp(x) + exp(y)) ≢ sigmoid(x + y)
""",
    "trigonometry": """
sin(x)**2 + cos(x)**2 ≡ 1
sin(2*x) ≡ 2*sin(x)*cos(x)
cos(2*x) ≡ 1 - 2*sin(x)**2
cos(2*x) ≡ cos(x)**2 - sin(x)**2
sin(x + y) ≡ sin(x)*cos(y) + cos(x)*sin(y)
cos(x - y) ≡ cos(x)*cos(y) + sin(x)*sin(y)
tan(x) ≡ sin(x)/cos(x)
1 + tan(x)**2 ≡ 1/cos(x)**2
sec(x) ≡ 1/cos(x)
csc(x)*sin(x) ≡ 1
cot(x) ≡ 1/tan(x)
sin(-x) ≡ -sin(x)
cos(-x) ≡ cos(x)
sin(pi/2 - x) ≡ cos(x)
sin(x + pi) ≡ -sin(x)
cos(x + 2*pi) ≡ cos(x)
tan(x + pi) ≡ tan(x)
sin(3*x) ≡ 3*sin(x) - 4*sin(x)**3
cos(3*x) ≡ 4*cos(x)**3 - 3*cos(x)
sin(x)*sin(y) ≡ (cos(x - y) - cos(x + y))/2
sin(x) + sin(y) ≡ 2*sin((x + y)/2)*cos((x - y)/2)
tan(x/2) ≡ sin(x)/(1 + cos(x))
tan(x/2) ≡ (1 - cos(x))/sin(x)
sin(x)**4 - cos(x)**4 ≡ -cos(2*x)
sin(pi/3) ≡ sqrt(3)/2
cos(pi/4) ≡ 1/sqrt(2)
cos(pi/5) ≡ (1 + sqrt(5))/4
sin(pi/12) ≡ (sqrt(6) - sqrt(2))/4
tan(pi/8) ≡ sqrt(2) - 1
sin(10*pi) ≡ 0
abs(sin(x)) ≡ sqrt(1 - cos(x)**2)
sin(x)**2 ≡ (1 - cos(2*x))/2
tan(2*x) ≡ 2*tan(x)/(1 - tan(x)**2)
sin(2*x) ≢ 2*sin(x)
sin(x + y) ≢ sin(x) + sin(y)
sin(x)**2 ≢ sin(x**2)
cos(2*x) ≢ 2*cos(x)**2
cos(2*x) ≢ sin(x)**2 - cos(x)**2
cos(x - y) ≢ cos(x)*cos(y) - sin(x)*sin(y)
sin(x) ≢ sqrt(1 - cos(x)**2)
sin(x) ≢ x
sin(x)/x ≢ 1
tan(x)**2 ≢ 1 + sec(x)**2
sin(pi/2 + x) ≢ -cos(x)
sin(x + pi) ≢ sin(x)
cos(x + 3.14159265358979) ≢ -cos(x)
sin(x) ≢ sin(x + 6.2831853)
sin(180) ≢ 0
cos(60) ≢ 1/2
csc(x) ≢ 1/cos(x)
tan(x/2) ≢ tan(x)/2
sin(3*x) ≢ 3*sin(x)
cos(pi/5) ≢ 0.809016994
sin(x)*cos(x) ≢ sin(2*x)
tan(x) ≢ x + x**3/3
sin(x)**4 + cos(x)**4 ≢ 1
sin(x)*sin(y) ≢ (cos(x - y) + cos(x + y))/2
""",
    "inverse functions": """
sin(asin(x)) ≡ x
cos(acos(x)) ≡ x
tan(atan(x)) ≡ x
asin(x) + acos(x) ≡ pi/2
cos(asin(x)) ≡ sqrt(1 - x**2)
sin(atan(x)) ≡ x/sqrt(1 + x**2)
asin(-x) ≡ -asin(x)
acos(-x) ≡ pi - acos(x)
atan(-x) ≡ -atan(x)
4*atan(1) ≡ pi
4*atan(1/5) - atan(1/239) ≡ pi/4
atan(x) ≡ asin(x/sqrt(1 + x**2))
2*atan(sqrt((1 - x)/(1 + x))) ≡ acos(x)
asin(sin(1)) ≡ 1
acos(cos(2)) ≡ 2
tan(asin(x)) ≡ x/sqrt(1 - x**2)
acos(0) ≡ pi/2
atan2(x, 1) ≡ atan(x)
asin(sin(x)) ≢ x
acos(cos(x)) ≢ x
acos(cos(x)) ≢ abs(x)
atan(tan(x)) ≢ x
asin(sin(2)) ≢ 2
asin(x) ≢ 1/sin(x)
atan(x) ≢ asin(x)/acos(x)
atan(1/x) ≢ pi/2 - atan(x)
atan(x) + atan(y) ≢ atan((x + y)/(1 - x*y))
asin(x) + acos(x) ≢ pi
acos(-x) ≢ -acos(x)
acos(-x) ≢ acos(x)
cos(asin(x)) ≢ 1 - x
atan2(x, y) ≢ atan(x/y)
2*atan(x) ≢ atan(2*x)
2*asin(x) ≢ asin(2*x*sqrt(1 - x**2))
atan(x) ≢ pi/2
""",
    "hyperbolic functions": """
cosh(x)**2 - sinh(x)**2 ≡ 1
cosh(x) + sinh(x) ≡ exp(x)
sinh(2*x) ≡ 2*sinh(x)*cosh(x)
tanh(x) ≡ sinh(x)/cosh(x)
tanh(x) ≡ (exp(2*x) - 1)/(exp(2*x) + 1)
1 - tanh(x)**2 ≡ 1/cosh(x)**2
cosh(x) ≡ (exp(x) + exp(-x))/2
asinh(x) ≡ log(x + sqrt(x**2 + 1))
acosh(x) ≡ log(x + sqrt(x**2 - 1))
atanh(x) ≡ log((1 + x)/(1 - x))/2
sinh(asinh(x)) ≡ x
asinh(sinh(x)) ≡ x
cosh(acosh(x)) ≡ x
acosh(cosh(x)) ≡ abs(x)
atanh(tanh(x)) ≡ x
cosh(asinh(x)) ≡ sqrt(1 + x**2)
cosh(2*x) ≡ 2*cosh(x)**2 - 1
tanh(x + y) ≡ (tanh(x) + tanh(y))/(1 + tanh(x)*tanh(y))
cosh(x)**2 + sinh(x)**2 ≢ 1
cosh(x)**2 + sinh(x)**2 ≢ cosh(x)
sinh(2*x) ≢ 2*sinh(x)
acosh(cosh(x)) ≢ x
tanh(x) ≢ (exp(x) - 1)/(exp(x) + 1)
1 + tanh(x)**2 ≢ 1/cosh(x)**2
asinh(x) ≢ log(x + sqrt(x**2 - 1))
atanh(x) ≢ log((1 + x)/(1 - x))
asinh(x) ≢ 1/sinh(x)
cosh(2*x) ≢ 2*cosh(x)**2 + 1
cosh(x) ≢ cos(x)
tanh(x) ≢ x/sqrt(1 + x**2)
tanh(3*x) ≢ 3*tanh(x)
""",
    "other functions": """
erf(-x) ≡ -erf(x)
erfc(x) ≡ 1 - erf(x)
erf(x) + erfc(x) ≡ 1
diff(x**3, x) ≡ 3*x**2
diff(sin(x)*exp(x), x) ≡ exp(x)*(sin(x) + cos(x))
diff(log(x), x) ≡ 1/x
diff(tanh(x), x) ≡ 1 - tanh(x)**2
diff(x**y, x) ≡ y*x**(y - 1)
diff(sqrt(1 + x**2), x) ≡ x/sqrt(1 + x**2)
diff(sigmoid(x), x) ≡ sigmoid(x)*sigmoid(-x)
diff(atan(x), x) ≡ 1/(1 + x**2)
diff(x**x, x) ≡ x**x*(1 + log(x))
sum(k = 1..4, k) ≡ 10
sum(k = 1..4, x**k) ≡ x + x**2 + x**3 + x**4
erf(x) ≢ tanh(x)
erf(x) ≢ erfc(x)
erf(2) ≢ 1
diff(x**3, x) ≢ 3*x**3
diff(sin(x)*exp(x), x) ≢ cos(x)*exp(x)
diff(sin(2*x), x) ≢ cos(2*x)
diff(x**x, x) ≢ x*x**(x - 1)
diff(log(2*x), x) ≢ 1/(2*x)
sum(k = 1..4, x**k) ≢ (1 - x**4)/(1 - x)
gelu(x) ≢ x*sigmoid(1.702*x)
""",
    "in one place only": """
[x == 0] ≢ 0
where(x == 1, 2, x) ≢ x
where(x > 3, x, x + 1/1000) ≢ x
where(abs(x) < 1/100, 0, x) ≢ x
x + max(0, x - 10) ≢ x
floor(x)*0 + x + [x > 7] ≢ x
where(x >= 0, 1, 0) ≢ where(x > 0, 1, 0)
abs(x) + max(0, -x - 3) ≢ abs(x)
max(x, y) + [x == y] ≢ max(x, y)
(x**2 - 1)/(x - 1) + where(x > 1, 0, 1/10) ≢ x + 1
""",
}

SIMPLE = ("0", "1", "-1", "2", "-2", "1/2", "-1/2", "3", "-5", "1/3", "12", "-12", "1/200", "-1000")


def pairs() -> Iterator[tuple[str, str, str, bool]]:
    """Yield every pair: its family, the two expressions, whether they are equal."""
    for family, lines in PAIRS.items():
        for line in lines.strip().splitlines():
            equal = "≡" in line
            left, right = line.split(" ≡ " if equal else " ≢ ")
            yield family, left, right, equal


def value(text: str, values: Mapping[str, Any]) -> Any:
    """Return the value of an expression in 60 digits, or None where it has none in the reals."""
    tree = read(text)
    point = Point(Network(""), {}, {}, extra={"pi": +mp.pi, **values})
    if tree.head == "call" and tree.name == "diff":
        variable, inner = tree.parts[1].name, tree.parts[0]
        step = mpf(10) ** -18
        ends = []
        for sign in (1, -1):
            point.extra = {"pi": +mp.pi, **values, variable: values[variable] + sign * step}
            try:
                ends.append(point.of(inner))
            except UndefinedError:
                return None
        return (ends[0] - ends[1]) / (2 * step)
    try:
        result = point.of(tree)
    except UndefinedError:
        return None
    return result if mp.isfinite(result) else None


def differing(left: str, right: str, largest: float = 5) -> tuple[dict[str, Any] | None, int]:
    """Return a point where both are defined and differ, and the number of points at which both are defined.

    Numbers beyond `largest` are left out: 60 digits do not hold ``cosh(1000)**2 - sinh(1000)**2``.
    """
    tolerance = mpf(10) ** (-24 if "diff(" in left else -40)
    names = sorted((letters_of(read(left)) | letters_of(read(right))) - {"pi"})
    dice = random.Random(left + right)
    found = 0
    points = [dict.fromkeys(names, number(text)) for text in SIMPLE]
    for _ in range(30):
        points.append({name: number(dice.choice(SIMPLE)) for name in names})
        points.append({name: mpf(dice.uniform(-4, 4)) for name in names})
        points.append({name: mpf(dice.uniform(0.01, 0.99)) for name in names})
    for point in points:
        if any(abs(given) > largest for given in point.values()):
            continue
        one, other = value(left, point), value(right, point)
        if one is None or other is None:
            continue
        found += 1
        if abs(one - other) > tolerance * max(1, abs(one), abs(other)):
            return point, found
    return None, found


def number(text: str) -> Any:
    top, _, bottom = text.partition("/")
    return mpf(top) / mpf(bottom or 1)
