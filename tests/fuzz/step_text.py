"""A STEP file of a tetrahedron, in flat faces: as small as one can be that OpenCASCADE makes a solid of."""

import numpy as np

HEAD = """ISO-10303-21;
HEADER;
FILE_DESCRIPTION((''),'2;1');
FILE_NAME('t','2026-01-01T00:00:00',(''),(''),'','','');
FILE_SCHEMA(('AUTOMOTIVE_DESIGN { 1 0 10303 214 1 1 1 1 }'));
ENDSEC;
DATA;
#1=APPLICATION_CONTEXT('');
#2=APPLICATION_PROTOCOL_DEFINITION('international standard','automotive_design',2000,#1);
#3=PRODUCT_CONTEXT('',#1,'mechanical');
#4=PRODUCT('t','t','',(#3));
#5=PRODUCT_DEFINITION_FORMATION('','',#4);
#6=PRODUCT_DEFINITION_CONTEXT('part definition',#1,'design');
#7=PRODUCT_DEFINITION('design','',#5,#6);
#8=PRODUCT_DEFINITION_SHAPE('','',#7);
#9=(LENGTH_UNIT()NAMED_UNIT(*)SI_UNIT(.MILLI.,.METRE.));
#10=(NAMED_UNIT(*)PLANE_ANGLE_UNIT()SI_UNIT($,.RADIAN.));
#11=(NAMED_UNIT(*)SI_UNIT($,.STERADIAN.)SOLID_ANGLE_UNIT());
#12=UNCERTAINTY_MEASURE_WITH_UNIT(LENGTH_MEASURE(1.E-6),#9,'distance_accuracy_value','');
#13=(GEOMETRIC_REPRESENTATION_CONTEXT(3)GLOBAL_UNCERTAINTY_ASSIGNED_CONTEXT((#12))GLOBAL_UNIT_ASSIGNED_CONTEXT((#9,#10,#11))
REPRESENTATION_CONTEXT('',''));
#14=CARTESIAN_POINT('',(0.,0.,0.));
#15=DIRECTION('',(0.,0.,1.));
#16=DIRECTION('',(1.,0.,0.));
#17=AXIS2_PLACEMENT_3D('',#14,#15,#16);
"""
CORNERS = ((0, 0, 0), (10, 0, 0), (0, 10, 0), (0, 0, 10))
FACES = ((0, 2, 1), (0, 1, 3), (0, 3, 2), (1, 2, 3))


def tetrahedron() -> str:
    """Return the text; the volume is 1000 / 6 mm3."""
    points = np.array(CORNERS, float)
    lines = [f"#{20 + i}=CARTESIAN_POINT('',({x:.1f},{y:.1f},{z:.1f}));" for i, (x, y, z) in enumerate(points)]
    number, faces = 30, []
    for a, b, c in FACES:
        normal = np.cross(points[b] - points[a], points[c] - points[a])
        x, y, z = (normal / np.linalg.norm(normal)).tolist()
        along = ",".join(f"{part:.9f}" for part in (points[b] - points[a]) / np.linalg.norm(points[b] - points[a]))
        lines += [
            f"#{number}=POLY_LOOP('',(#{20 + a},#{20 + b},#{20 + c}));",
            f"#{number + 1}=FACE_OUTER_BOUND('',#{number},.T.);",
            f"#{number + 2}=DIRECTION('',({x:.9f},{y:.9f},{z:.9f}));",
            f"#{number + 3}=DIRECTION('',({along}));",
            f"#{number + 4}=AXIS2_PLACEMENT_3D('',#{20 + a},#{number + 2},#{number + 3});",
            f"#{number + 5}=PLANE('',#{number + 4});",
            f"#{number + 6}=FACE_SURFACE('',(#{number + 1}),#{number + 5},.T.);",
        ]
        faces.append(f"#{number + 6}")
        number += 10
    lines += [
        f"#{number}=CLOSED_SHELL('',({','.join(faces)}));",
        f"#{number + 1}=FACETED_BREP('',#{number});",
        f"#{number + 2}=FACETED_BREP_SHAPE_REPRESENTATION('',(#17,#{number + 1}),#13);",
        f"#{number + 3}=SHAPE_DEFINITION_REPRESENTATION(#8,#{number + 2});",
    ]
    return HEAD + "\n".join(lines) + "\nENDSEC;\nEND-ISO-10303-21;\n"
