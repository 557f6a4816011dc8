from ._pure import Ring as Ring
from ._pure import Words as Words
